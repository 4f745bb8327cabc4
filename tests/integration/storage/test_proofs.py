"""Anchors, seals and renewals are kept on every site, once each, and proof is told when they are."""

import pytest

from services.storage.handlers import WRITE
from services.storage.proofs import proof_id, take_proofs
from shared.checksums import sha512_of
from shared.messages.proof import ProofFiledV1
from shared.messages.storage import ProofStoredV1
from shared.messaging.outcome import Rejected
from tests.integration.storage.conftest import OpenDepot
from tests.integration.storage.depot import Depot

pytestmark = pytest.mark.integration


async def take(depot: Depot, *messages: ProofFiledV1) -> None:
    async with depot.database.begin() as tx:
        await take_proofs(sorted(depot.sites))(tx, messages)


def filed(content: bytes) -> ProofFiledV1:
    key = "proof/anchors/0000000000000007.jws"
    return ProofFiledV1(kind="anchor", number=7, staging_key=key, sha512=sha512_of(content), size=len(content))


async def hand_over(depot: Depot, content: bytes) -> ProofFiledV1:
    message = filed(content)
    await depot.staging.put(message.staging_key, content)
    await take(depot, message)
    return message


@pytest.mark.parametrize("kind", ["folders", "buckets"])
async def test_a_proof_stands_on_every_site_and_staging_may_forget_it(open_depot: OpenDepot, kind: str) -> None:
    depot = await open_depot(kind)
    message = await hand_over(depot, b"a.b.c")
    await depot.write()
    assert await depot.told(ProofStoredV1) == []

    await depot.verify()

    key = "platform/proof/anchors/0000000000000007.jws"
    for site, copy in (await depot.copies(proof_id("anchor"))).items():
        assert await depot.kept(site, key, copy.version_id) == b"a.b.c"
    assert [(one.kind, one.number, one.sha512) for one in await depot.told(ProofStoredV1)] == [
        ("anchor", 7, message.sha512)
    ]


async def test_lines_about_proofs_are_the_platforms_writes(depot: Depot) -> None:
    await hand_over(depot, b"a.b.c")
    await depot.work_off()

    lines = await depot.lines("copy.written") + await depot.lines("proof.stored")

    assert len(lines) == 3
    assert {(line.kind, line.establishment) for line in lines} == {("writes", None)}


async def test_a_proof_told_of_twice_is_one_and_another_under_its_number_is_refused(depot: Depot) -> None:
    message = await hand_over(depot, b"a.b.c")
    await depot.work_off()

    await take(depot, message)
    with pytest.raises(Rejected):
        await take(depot, filed(b"x.y.z"))
    # Whoever asks again is told again: the first answer may have been lost.
    assert [one.sha512 for one in await depot.told(ProofStoredV1)] == [message.sha512] * 2


async def test_what_staging_changed_is_waited_for(depot: Depot) -> None:
    message = await hand_over(depot, b"a.b.c")
    await depot.staging.delete(message.staging_key)
    await depot.staging.put(message.staging_key, b"x.y.z")

    assert await depot.refused_for_now(depot.keeper.write, WRITE) == 2
    assert await depot.told(ProofStoredV1) == []
