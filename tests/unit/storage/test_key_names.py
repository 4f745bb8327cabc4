"""What keys name, and what only looks like a key."""

from uuid import UUID

import pytest

from services.storage.domain.key_names import Named, NamedAip, NamedContainer, NamedRecord, named_by
from services.storage.domain.keys import aip_key, journal_key, record_key

TOWN = UUID("01930000-0000-7000-8000-000000000001")
AIP = UUID("01930000-0000-7000-8000-0000000000af")


@pytest.mark.parametrize(
    ("key", "named"),
    [
        (aip_key(TOWN, AIP, 12), NamedAip(TOWN, AIP, 12)),
        (record_key(TOWN, "agreement", AIP, 3), NamedRecord(TOWN, "agreement", AIP, 3)),
        (record_key(None, "signing-key", AIP, 1), NamedRecord(None, "signing-key", AIP, 1)),
        (journal_key(TOWN, "archives", 1, 5000), NamedContainer(TOWN, "archives", 1, 5000)),
        (journal_key(None, "writes", 7, 7), NamedContainer(None, "writes", 7, 7)),
    ],
)
def test_a_key_of_ours_names_what_it_was_made_from(key: str, named: Named) -> None:
    assert named_by(key) == named


@pytest.mark.parametrize(
    "key",
    [
        "",
        "platform",
        f"{TOWN}/aips/00/{AIP}-v1.tar",  # not the AIP's last digits
        f"{TOWN}/aips/af/{AIP}-v0.tar",
        f"{TOWN}/aips/af/{AIP}-v01.tar",
        f"platform/aips/af/{AIP}-v1.tar",
        f"{TOWN}/aips/af/{AIP}-v1.tar.bak",
        f"{TOWN}/records/agreement/{AIP}/0.json",
        f"{TOWN}/journals/archives/0000000000000002-0000000000000001.ndjson",
        f"{TOWN}/journals/archives/1-2.ndjson",
        f"{TOWN}/aips/af/{str(AIP).upper()}-v1.tar",
    ],
)
def test_what_we_would_not_call_so_names_nothing(key: str) -> None:
    assert named_by(key) is None
