"""Names of objects."""

from uuid import UUID

import pytest

from services.storage.domain.keys import UnnamableError, aip_key, journal_key, record_key
from shared.object_store.port import check_key

ESTABLISHMENT = UUID("0190a000-0000-7000-8000-000000000001")
AIP = UUID("0190a111-2222-7333-8444-5555666677ab")


def test_an_aip_is_named_by_establishment_shelf_identifier_and_version() -> None:
    key = aip_key(ESTABLISHMENT, AIP, 3)

    assert key == f"{ESTABLISHMENT}/aips/ab/{AIP}-v3.tar"


def test_a_record_is_named_by_establishment_kind_identifier_and_version() -> None:
    key = record_key(ESTABLISHMENT, "filing-plan", AIP, 1)

    assert key == f"{ESTABLISHMENT}/records/filing-plan/{AIP}/1.json"


def test_a_record_of_nobody_in_particular_lies_under_the_platform() -> None:
    assert record_key(None, "policy", AIP, 2) == f"platform/records/policy/{AIP}/2.json"


def test_a_container_of_lines_is_named_by_establishment_kind_and_lines() -> None:
    lines = "0000000000005001-0000000000007342"
    assert journal_key(ESTABLISHMENT, "writes", 5001, 7342) == f"{ESTABLISHMENT}/journals/writes/{lines}.ndjson"
    assert journal_key(None, "events", 5001, 7342) == f"platform/journals/events/{lines}.ndjson"


def test_containers_sort_by_name_as_their_lines_by_number() -> None:
    firsts = [1, 2, 9, 10, 99, 5_000, 123_456_789, 2**53 - 1]
    keys = [journal_key(ESTABLISHMENT, "archives", first, first) for first in firsts]

    assert sorted(keys) == keys


@pytest.mark.parametrize(("first", "last"), [(0, 1), (2, 1), (-1, 3)])
def test_a_container_has_at_least_one_line(first: int, last: int) -> None:
    with pytest.raises(UnnamableError):
        journal_key(ESTABLISHMENT, "archives", first, last)


@pytest.mark.parametrize("kind", ["", "../aips", "archives."])
def test_a_kind_of_journal_is_a_plain_word(kind: str) -> None:
    with pytest.raises(UnnamableError):
        journal_key(ESTABLISHMENT, kind, 1, 2)


def test_every_store_can_hold_our_names() -> None:
    names = (
        aip_key(ESTABLISHMENT, AIP, 1),
        record_key(ESTABLISHMENT, "hold", AIP, 12),
        journal_key(None, "archives", 1, 12),
    )
    for key in names:
        assert check_key(key) == key


@pytest.mark.parametrize("version", [0, -1])
def test_versions_count_from_one(version: int) -> None:
    with pytest.raises(UnnamableError):
        aip_key(ESTABLISHMENT, AIP, version)
    with pytest.raises(UnnamableError):
        record_key(ESTABLISHMENT, "hold", AIP, version)


@pytest.mark.parametrize("kind", ["", "../aips", "Hold", "hold/", "-hold", "filing_plan"])
def test_a_kind_of_record_is_a_plain_word(kind: str) -> None:
    with pytest.raises(UnnamableError):
        record_key(ESTABLISHMENT, kind, AIP, 1)
