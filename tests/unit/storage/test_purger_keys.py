"""Who deletes on a site: both keys of a purger apart from the service's, or none."""

import pytest
from pydantic import ValidationError

from services.storage.settings import SiteSettings
from services.storage.sites import open_sites
from shared.object_store.keeping import SiteStore
from shared.object_store.s3_site import S3Site

BUCKET = {
    "kind": "s3",
    "endpoint": "s3.example.org",
    "bucket": "archive",
    "access_key": "writes",
    "secret_key": "w",
    "lock_mode": "GOVERNANCE",
}
PURGER = {"purger_access_key": "deletes", "purger_secret_key": "d"}  # pragma: allowlist secret
FOLDER = {"name": "f", "place": "Brest", "kind": "filesystem", "path": "/srv/archive"}


def a_site(**changes: str) -> SiteSettings:
    return SiteSettings.model_validate({"name": "s", "place": "Rennes", **BUCKET, **changes})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"purger_access_key": "deletes"}, "both its keys, or none"),
        ({"purger_secret_key": "d"}, "both its keys, or none"),
        ({**PURGER, "purger_secret_key": ""}, "both its keys, or none"),
        ({**PURGER, "purger_access_key": "writes"}, "not the service's"),
        ({**PURGER, **FOLDER}, "a folder has no keys"),
    ],
)
def test_half_a_purger_or_one_that_is_the_service_is_refused(changes: dict[str, str], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        a_site(**changes)


@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE", "none"])
def test_each_mode_may_have_one(mode: str) -> None:
    assert a_site(**PURGER, lock_mode=mode).purger_access_key == "deletes"


def test_the_purgers_secret_is_in_no_trace() -> None:
    assert "'d'" not in repr(a_site(**PURGER))


async def purger_of(**changes: str) -> tuple[SiteStore, SiteStore]:
    """Return the store of a site as everything opens it, and as a purge does."""
    sites = open_sites([a_site(**changes), SiteSettings.model_validate(FOLDER)])
    async with sites["s"].purger() as purger:
        store = sites["s"].store
    for site in sites.values():
        await site.store.close()
    return store, purger


@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE", "none"])
async def test_a_purge_is_done_by_the_purger_who_asks_for_a_bypass_where_there_is_one(mode: str) -> None:
    store, purger = await purger_of(**PURGER, lock_mode=mode)

    assert isinstance(store, S3Site)
    assert isinstance(purger, S3Site)
    assert [one.bucket.access_key for one in (store, purger)] == ["writes", "deletes"]
    assert [one.bypasses for one in (store, purger)] == [False, mode == "GOVERNANCE"]


async def test_without_a_purger_a_purge_has_the_services_own_rights() -> None:
    store, purger = await purger_of()

    assert purger is store


async def test_on_a_folder_everybody_is_the_service() -> None:
    sites = open_sites([a_site(), SiteSettings.model_validate(FOLDER)])

    async with sites["f"].purger() as purger:
        assert purger is sites["f"].store
    for site in sites.values():
        await site.store.close()
