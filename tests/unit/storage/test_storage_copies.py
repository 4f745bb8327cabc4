"""The life of a copy."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.storage.domain.copies import (
    Copy,
    CopyState,
    Fault,
    ImpossibleStepError,
    fault_of,
    is_same_writing,
    is_stored,
    may_be_good,
    read_back,
    written,
)
from shared.checksums import Measure
from shared.identifiers import new_id
from shared.object_store.port import Receipt

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GOOD, BAD = Measure("a" * 128, 10), Measure("b" * 128, 10)
WRITER, READER = new_id(), new_id()


def a_copy(state: CopyState = CopyState.TO_WRITE, site: str = "site-a") -> Copy:
    copy = Copy(site, "key", GOOD, state)
    return copy if state is CopyState.TO_WRITE else replace(copy, version_id="v1", written_by=WRITER)


def a_receipt(version_id: str | None = "v1", key: str = "key", size: int = 10) -> Receipt:
    return Receipt(key, version_id, size)


def test_a_copy_written_and_read_back_whole_counts() -> None:
    copy = read_back(written(a_copy(), a_receipt(), WRITER, NOW), GOOD, READER, NOW + timedelta(seconds=1))

    assert (copy.state, copy.version_id) == (CopyState.VERIFIED, "v1")
    assert (copy.written_at, copy.verified_at) == (NOW, NOW + timedelta(seconds=1))


@pytest.mark.parametrize("state", [CopyState.WRITTEN, CopyState.VERIFIED])
@pytest.mark.parametrize("found", [BAD, Measure(GOOD.sha512, 9), None])
def test_a_copy_that_comes_back_otherwise_or_not_at_all_is_lost(state: CopyState, found: Measure | None) -> None:
    assert read_back(a_copy(state), found, READER, NOW).state is CopyState.LOST


def test_an_audit_renews_the_date_of_a_good_copy() -> None:
    later = NOW + timedelta(days=90)

    assert read_back(a_copy(CopyState.VERIFIED), GOOD, READER, later).verified_at == later


def test_a_writer_never_verifies_its_own_copy() -> None:
    with pytest.raises(ImpossibleStepError, match="by the task that wrote it"):
        read_back(a_copy(CopyState.WRITTEN), GOOD, WRITER, NOW)


def test_a_lost_copy_written_again_has_to_be_verified_again() -> None:
    lost = replace(a_copy(CopyState.LOST), verified_at=NOW)

    again = written(lost, a_receipt("v2"), READER, NOW)

    assert (again.state, again.version_id, again.verified_at) == (CopyState.WRITTEN, "v2", None)


@pytest.mark.parametrize("state", [CopyState.WRITTEN, CopyState.VERIFIED])
def test_a_copy_that_stands_is_not_written_again(state: CopyState) -> None:
    with pytest.raises(ImpossibleStepError):
        written(a_copy(state), a_receipt(), READER, NOW)


@pytest.mark.parametrize("state", [CopyState.TO_WRITE, CopyState.LOST])
def test_what_does_not_stand_is_not_read_back(state: CopyState) -> None:
    with pytest.raises(ImpossibleStepError):
        read_back(a_copy(state), GOOD, READER, NOW)


@pytest.mark.parametrize("receipt", [a_receipt(key="other"), a_receipt(size=11)])
def test_a_receipt_of_another_object_is_refused(receipt: Receipt) -> None:
    with pytest.raises(ImpossibleStepError, match="another object"):
        written(a_copy(), receipt, WRITER, NOW)


def test_an_object_is_stored_when_every_site_has_a_verified_copy() -> None:
    here, there = a_copy(CopyState.VERIFIED, "site-a"), a_copy(CopyState.WRITTEN, "site-b")

    assert not is_stored([here, there], ["site-a", "site-b"])
    assert not is_stored([here], ["site-a", "site-b"])
    assert not is_stored([here], [])
    assert is_stored([here, replace(there, state=CopyState.VERIFIED)], ["site-a", "site-b"])


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        (None, Fault.MISSING),
        (Measure("a" * 128, 9), Fault.CUT),
        (BAD, Fault.MISMATCH),
        (Measure("b" * 128, 11), Fault.MISMATCH),
    ],
)
def test_what_is_wrong_with_a_copy_has_a_name(found: Measure | None, fault: Fault) -> None:
    assert fault_of(GOOD, found) is fault


def test_since_when_a_copy_is_lost_stays_known_until_it_is_told_whole() -> None:
    later = NOW + timedelta(days=1)
    lost = read_back(a_copy(CopyState.VERIFIED), BAD, READER, NOW)
    again = read_back(written(lost, a_receipt("v2"), WRITER, NOW), None, READER, later)

    assert (lost.lost_at, again.lost_at) == (NOW, NOW)
    assert read_back(written(again, a_receipt("v3"), WRITER, later), GOOD, READER, later).lost_at == NOW


def test_nothing_is_beyond_repair_while_a_copy_counts_or_may() -> None:
    bad = [a_copy(state) for state in (CopyState.TO_WRITE, CopyState.LOST, CopyState.RETIRED, CopyState.PURGED)]

    assert not may_be_good(bad)
    assert may_be_good([*bad, a_copy(CopyState.WRITTEN)])
    assert may_be_good([*bad, a_copy(CopyState.VERIFIED)])


def test_a_verdict_is_about_the_bytes_that_one_task_wrote() -> None:
    copy = a_copy(CopyState.VERIFIED)

    assert is_same_writing(copy, replace(copy, state=CopyState.LOST, verified_at=NOW))
    assert not is_same_writing(copy, replace(copy, written_by=READER))
    assert not is_same_writing(copy, replace(copy, version_id="v2"))
