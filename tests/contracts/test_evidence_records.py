"""RFC 4998: programs that are not ours accept our evidence records, generation after generation, and no other.

BouncyCastle follows the digests through all generations; openssl looks at each token, when the next was made.
"""

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import cms

from services.proof.domain.evidence_record import Stamp, evidence_record, sequence_der
from services.proof.domain.hash_tree import HashTree
from tests.builders.evidence import TIMES, Chains, Group, first_generation, stamp_renewed, token, tree_renewed
from tests.builders.pki import root
from tests.independent.bouncycastle import BouncyCastle
from tests.independent.time_stamps import openssl_faults

GROUPS: tuple[Group, ...] = ((b"alone",), (b"METS", b"act", b"annex"), (b"same",), (b"last",), (b"same",), (b"odd",))
"""Groups of one and of three, two neighbours alike, and one without neighbour."""

WITHIN = timedelta(days=200)


class Verifiers:
    """Both programs as one."""

    def __init__(self, bouncycastle: BouncyCastle, folder: Path) -> None:
        self._bouncycastle, self._folder = bouncycastle, folder
        self._trusted = folder / "root.pem"
        self._trusted.write_bytes(root().pem)

    def faults(self, record: bytes, contents: Group, moment: datetime) -> list[str]:
        """Return what either has against a record of these contents; empty if it proves them."""
        verdict = self.by_digests(record, contents, moment)
        return [*([] if verdict == "accepted" else [verdict]), *self.by_tokens(record, moment)]

    def by_digests(self, record: bytes, contents: Group, moment: datetime) -> str:
        return self._bouncycastle.verdict(record, contents[0] if len(contents) == 1 else contents, moment)

    def by_tokens(self, record: bytes, moment: datetime) -> list[str]:
        return openssl_faults(record, self._trusted, self._folder, moment)


@pytest.fixture(scope="module")
def verifiers(bouncycastle: BouncyCastle, tmp_path_factory: pytest.TempPathFactory) -> Verifiers:
    return Verifiers(bouncycastle, tmp_path_factory.mktemp("verifiers"))


async def generations(groups: Sequence[Group], first: str, then: str) -> list[list[Chains]]:
    """Return what proves each group after a stamp, its renewal, that of the tree, and one more of the stamp."""
    stamped = await first_generation(groups, first, TIMES[0])
    renewed = await stamp_renewed(stamped, TIMES[1])
    rebuilt = await tree_renewed(groups, renewed, then, TIMES[2])
    return [stamped, renewed, rebuilt, await stamp_renewed(rebuilt, TIMES[3])]


@pytest.fixture(scope="module")
async def old() -> list[Chains]:
    """What has proven `GROUPS` through four generations."""
    return (await generations(GROUPS, "sha256", "sha512"))[-1]


@pytest.mark.parametrize(("first", "then"), [("sha256", "sha512"), ("sha512", "sha3_512")])
async def test_records_of_every_generation_prove_their_data_and_no_other(
    verifiers: Verifiers, first: str, then: str
) -> None:
    made = await generations(GROUPS, first, then)

    for moment, proven in zip(TIMES, made, strict=True):
        records = [evidence_record(chains) for chains in proven]
        for record, group in zip(records, GROUPS, strict=True):
            assert verifiers.by_digests(record, group, moment + WITHIN) == "accepted"
            assert verifiers.by_digests(record, (b"another",), moment + WITHIN).startswith("refused")
        # The token is the same in all of them; the way to it is looked at for a leaf of one and for a group.
        assert (
            verifiers.by_tokens(records[0], moment + WITHIN) == verifiers.by_tokens(records[1], moment + WITHIN) == []
        )


async def test_a_group_is_proven_whole_and_each_member_for_itself(verifiers: Verifiers, old: list[Chains]) -> None:
    record, moment = evidence_record(old[1]), TIMES[-1] + WITHIN
    mets, act, annex = GROUPS[1]

    assert [verifiers.by_digests(record, (member,), moment) for member in (mets, act, annex)] == ["accepted"] * 3
    assert verifiers.by_digests(record, (annex, mets, act), moment) == "accepted"
    assert verifiers.by_digests(record, (mets, act), moment).startswith("refused")
    assert verifiers.by_digests(record, (mets, act, annex, b"more"), moment).startswith("refused")


async def test_what_was_eliminated_before_a_tree_was_renewed_leaves_the_rest_of_its_group_proven(
    verifiers: Verifiers,
) -> None:
    stamped = await first_generation(GROUPS, "sha256", TIMES[0])
    left: list[Group] = [(b"METS", b"act") if len(group) == 3 else group for group in GROUPS]
    renewed = await tree_renewed(left, stamped, "sha512", TIMES[1])
    record, moment = evidence_record(renewed[1]), TIMES[1] + WITHIN

    assert verifiers.faults(record, (b"act",), moment) == verifiers.faults(record, (b"METS",), moment) == []
    assert verifiers.by_digests(record, (b"annex",), moment).startswith("refused")


async def test_lines_are_proven_through_the_tree_of_their_journal_in_that_of_the_seal(
    verifiers: Verifiers,
) -> None:
    lines = [b'{"number":%d}' % number for number in range(1, 8)]
    inner = HashTree([hashlib.sha512(line).digest() for line in lines])
    others = [hashlib.sha512(b"%d" % number).digest() for number in range(4)]
    outer = HashTree([*others[:2], inner.root, *others[2:]])
    stamped = await token(outer.root, "sha512", TIMES[0])

    for position, line in enumerate(lines):
        path = ((hashlib.sha512(line).digest(),), *inner.path(position), *outer.path(2))
        record = evidence_record([[Stamp("sha512", path, stamped)]])
        assert verifiers.faults(record, (line,), TIMES[0] + WITHIN) == []


def _without_a_stamp(chains: Chains) -> Chains:
    return (chains[0][1:], chains[1])


def _without_a_chain(chains: Chains) -> Chains:
    return chains[1:]


def _in_another_order(chains: Chains) -> Chains:
    return ((chains[0][1], chains[0][0]), chains[1])


def _by_another_way(chains: Chains) -> Chains:
    stamp = chains[0][0]
    own, (neighbour,), *above = stamp.path
    changed = bytes([neighbour[0] ^ 1]) + neighbour[1:]
    return ((Stamp(stamp.algorithm, (own, (changed,), *above), stamp.token), *chains[0][1:]), chains[1])


def _with_another_last_token(chains: Chains) -> Chains:
    last = chains[1][-1]
    forged = Stamp(last.algorithm, last.path, _with_a_changed_signature(last.token))
    return (chains[0], (*chains[1][:-1], forged))


def _with_a_changed_signature(stamped: bytes) -> bytes:
    signature = cms.ContentInfo.load(stamped)["content"]["signer_infos"][0]["signature"].native
    return stamped.replace(signature, signature[:-1] + bytes([signature[-1] ^ 1]))


@pytest.mark.parametrize(
    "changed",
    [_without_a_stamp, _without_a_chain, _in_another_order, _by_another_way, _with_another_last_token],
)
@pytest.mark.parametrize("number", [0, 1])
def test_a_record_that_was_tampered_with_is_refused(
    verifiers: Verifiers, old: list[Chains], changed: Callable[[Chains], Chains], number: int
) -> None:
    record = evidence_record(changed(old[number]))

    assert verifiers.by_digests(record, GROUPS[number], TIMES[-1] + WITHIN).startswith("refused")


async def test_a_token_that_was_bad_before_it_was_renewed_is_seen_by_openssl_alone(verifiers: Verifiers) -> None:
    stamped = await first_generation(GROUPS, "sha512", TIMES[0])
    forged = [((Stamp(one.algorithm, one.path, _with_a_changed_signature(one.token)),),) for ((one,),) in stamped]
    record, moment = evidence_record((await stamp_renewed(forged, TIMES[1]))[0]), TIMES[1] + WITHIN

    assert verifiers.by_digests(record, GROUPS[0], moment) == "accepted"
    (fault,) = verifiers.by_tokens(record, moment)
    assert fault.startswith("token 1: ")


async def test_a_token_that_is_renewed_after_its_certificate_has_ended_proves_nothing(verifiers: Verifiers) -> None:
    stamped = await first_generation(GROUPS, "sha512", TIMES[0])
    late = await stamp_renewed(stamped, TIMES[2])

    (fault,) = verifiers.faults(evidence_record(late[0]), GROUPS[0], TIMES[2] + WITHIN)
    assert fault.startswith("token 1: ")
    assert "expired" in fault


async def test_the_bytes_of_tokens_are_kept_as_they_came(old: list[Chains]) -> None:
    sequence = sequence_der(old[0])

    assert all(stamp.token in sequence for chain in old[0] for stamp in chain)
    assert sequence in evidence_record(old[0])


async def test_a_large_group_is_one_record(verifiers: Verifiers) -> None:
    # Of a hundred thousand, as there may be, BouncyCastle would need minutes: it sorts them into a linked list.
    contents = [b"%d" % number for number in range(1_000)]
    ((stamp,),), _ = await first_generation([contents, (b"other",)], "sha512", TIMES[0])

    assert verifiers.faults(evidence_record([[stamp]]), contents, TIMES[0] + WITHIN) == []


def test_a_record_of_a_hundred_thousand_digests_is_little_more_than_these(old: list[Chains]) -> None:
    members = tuple(b"%064d" % number for number in range(100_000))

    record = evidence_record([[Stamp("sha512", (members,), old[0][0][0].token)]])

    assert 6_600_000 < len(record) < 6_605_000
    assert all(b"\x04\x40" + member in record for member in (members[0], members[-1]))


@pytest.mark.parametrize("broken", [b"", b"\x30\x00", b"no token", cms.ContentInfo({"content_type": "data"}).dump()])
def test_what_is_no_token_makes_no_record(broken: bytes) -> None:
    with pytest.raises(ValueError, match=r"ContentInfo|ContentType|Insufficient|signed"):
        evidence_record([[Stamp("sha512", ((b"1" * 64,),), broken)]])


@pytest.mark.parametrize("shape", [[], [[]], [["sha256", "sha512"]]])
def test_chains_have_stamps_of_one_algorithm_each(shape: list[list[str]]) -> None:
    with pytest.raises(ValueError, match="one algorithm"):
        sequence_der([[Stamp(algorithm, (), b"") for algorithm in chain] for chain in shape])
