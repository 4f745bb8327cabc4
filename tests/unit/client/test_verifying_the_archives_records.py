"""Records that the archive's own programs make, verified by those that know nothing of them."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from chartrier_client.verifying.algorithms import read_algorithms
from services.proof.domain.evidence_record import evidence_record
from tests.builders import pki
from tests.builders.evidence import TIMES, Chains, first_generation, stamp_renewed, tree_renewed
from tests.unit.client.proof_files import Desk, assert_indeterminate, assert_invalid, assert_valid
from tests.unit.client.test_verifying_packages import AIP, files_of

LINES = [b'{"number":%d}' % number for number in range(1, 6)]
GROUPS = [*([line] for line in LINES), list(files_of(AIP).values())]
# RSA of 2048 bits in 2035: the keys of the test do not weaken.
ALGORITHMS = read_algorithms(
    '{"digests": {"sha256": null, "sha384": null, "sha512": null}, "keys": {"rsa": [{"bits": 2048, "until": null}],'
    ' "ec": [{"bits": 256, "until": null}]}}'
)


@pytest.fixture(scope="module")
async def generations() -> list[list[Chains]]:
    """What proves each group after every generation: two tokens, a new tree, another token over it."""
    first = await first_generation(GROUPS, "sha512", TIMES[0])
    second = await stamp_renewed(first, TIMES[1])
    third = await tree_renewed(GROUPS, second, "sha384", TIMES[2])
    return [first, second, third, await stamp_renewed(third, TIMES[3])]


@pytest.fixture
def trust(desk: Desk) -> Path:
    path = desk.folder / "trust.pem"
    lists = (
        pki.revocation_list(by, keeps_expired=pki.FOUNDED).public_bytes(Encoding.PEM)
        for by in (pki.root(), pki.authority())
    )
    path.write_bytes(pki.root().pem + b"".join(lists))
    return path


@pytest.mark.parametrize("generation", range(4))
def test_every_generation_proves_lines_and_packages(
    desk: Desk, trust: Path, generations: list[list[Chains]], generation: int
) -> None:
    at: datetime = TIMES[generation] + timedelta(days=700)
    records = [evidence_record(chains) for chains in generations[generation]]
    files = {f"{number}.json": line for number, line in enumerate(LINES)} | {"aip.tar": AIP}
    given = {f"{number}.der": record for number, record in enumerate(records)}

    report = desk.verify({**files, **given}, at=at, trust=trust, algorithms=ALGORITHMS)
    assert_valid(report)
    assert len([check for check in report.checks if check.what == "record.group_complete"]) >= len(GROUPS)

    later = at + timedelta(days=3 * 365)
    aged = desk.verify({**files, **given}, at=later, trust=trust, algorithms=ALGORITHMS)
    assert_indeterminate(aged, ("certificate.validity", "ended_since"))


def test_a_record_of_another_proves_nothing(desk: Desk, trust: Path, generations: list[list[Chains]]) -> None:
    record = evidence_record(generations[3][0])
    at = TIMES[3] + timedelta(days=1)

    report = desk.verify({"aip.tar": AIP}, {"record.der": record}, at, trust=trust, algorithms=ALGORITHMS)

    assert_invalid(report, ("record.group_complete", "not_in_group"))
