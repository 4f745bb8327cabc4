"""Renewals come back from a site: the same records, byte for byte, and what this database contradicts is named."""

from datetime import UTC, datetime

import pytest

from services.proof.domain.read_proofs import NotTheProof
from services.proof.domain.read_renewals import read_renewal
from services.proof.rebuilding_renewals import take_renewal
from shared.checksums import sha512_of
from tests.deaths import dying_at
from tests.integration.proof.seals import behind
from tests.integration.proof.test_tree_renewing import House
from tests.integration.proof.test_tree_renewing import house as house  # noqa: PLC0414 (a fixture)
from tests.servers import Databases

pytestmark = pytest.mark.integration

LOST = behind(
    """TRUNCATE proof.renewal, proof.renewed, proof.renewed_package, proof.renewed_lines, proof.tree_campaign;
       DELETE FROM proof.filed WHERE kind = 'renewal'"""
)


async def renewed(house: House) -> dict[int, bytes]:
    """Renew time-stamps, trees, and the time-stamp of these; return the renewals."""
    years = house.years
    await years.renew()
    years.time.goes_to(2032)
    years.falls("sha512", datetime(2032, 3, 1, tzinfo=UTC))
    await house.renew_trees()
    years.time.goes_to(2034, 2)
    years.new_certificate()
    await years.seal()
    await years.renew()
    return {number: await years.staged("renewal", number) for number in (1, 2, 3)}


async def taken(house: House, renewals: dict[int, bytes]) -> list[str]:
    said = []
    for number, content in renewals.items():
        file = (sha512_of(content), len(content))
        read = read_renewal(content, number)
        said += await take_renewal(house.years.database, read, file, house.years.time())
    return said


async def records(house: House) -> list[bytes]:
    years = house.years
    packages = [await years.record_of(*key) for key in ((house.aip, 1), (house.aip, 2), (house.whole, 1))]
    lines = [await years.record_of_line(journal, number) for journal, number, _ in await house.lines() if number < 4]
    return [*packages, *lines]


async def test_they_come_back_as_they_were(house: House, databases: Databases) -> None:
    kept = await renewed(house)
    before = await records(house)
    await databases.as_superuser(LOST)

    with dying_at("rebuild.proofs.renewal"):
        await taken(house, kept)
    assert await taken(house, kept) == []
    assert await taken(house, kept) == []

    assert await records(house) == before
    house.years.stamped_by(*house.years.authorities[-1:])
    assert await house.years.renew() == 0


async def test_lines_that_are_others_now_are_named(house: House, databases: Databases) -> None:
    kept = await renewed(house)
    await databases.as_superuser(LOST)
    await databases.as_superuser(
        """DO $$ BEGIN ALTER TABLE proof.line DISABLE TRIGGER line_stays;
           UPDATE proof.line SET body = 'other' WHERE number = 2;
           ALTER TABLE proof.line ENABLE TRIGGER line_stays; END $$"""
    )

    (said,) = await taken(house, kept)

    assert "a line is not what its digest says" in said


async def test_another_of_its_number_is_named(house: House) -> None:
    kept = await renewed(house)
    read = read_renewal(kept[1], 1)
    read.body = read.body.replace(b"true", b"false") + b" "

    (said,) = await take_renewal(house.years.database, read, ("00" * 64, 1), house.years.time())

    assert said == "the database has another renewal of this number"


async def test_one_of_which_a_byte_was_changed_is_none(house: House) -> None:
    for number, content in (await renewed(house)).items():
        for name in (b"renewal.json", b"leaves.ndjson", b"members.bin"):
            at = content.find(name)
            if at >= 0:
                changed = bytearray(content)
                changed[at + 512 + 100] ^= 1
                with pytest.raises(NotTheProof):
                    read_renewal(bytes(changed), number)
    with pytest.raises(NotTheProof):
        read_renewal(content, number + 1)
