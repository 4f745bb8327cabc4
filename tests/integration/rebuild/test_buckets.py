"""A rebuild from a bucket: what was recorded is read, whatever a stranger has put on top of it or hidden."""

import asyncio
import io
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from minio import Minio

from bench.kept_sites import KeptSite
from services.local import seaweedfs
from services.rebuild import packages
from services.rebuild.answering import without_silent
from services.rebuild.deposits import keep_deposits
from services.rebuild.house import House
from services.rebuild.report import Report
from services.rebuild.scratch import scratch
from services.storage.domain.keys import proof_key
from services.storage.queries import holdings
from services.storage.sites import OpenSite, bucket_of
from services.storage.sources import measured, pinned
from shared.checksums import sha512_of
from shared.object_store.filesystem_site import FilesystemSite
from shared.object_store.s3_site import S3Site
from shared.rooms import ROOMS
from tests.builders.kept_proofs import prove
from tests.integration.rebuild.ruins import Ruins
from tests.integration.storage.conftest import two_buckets
from tests.servers import Databases

pytestmark = pytest.mark.integration

BUCKET = "rebuild-a"


@pytest.fixture
async def bucket(seaweed: seaweedfs.Site) -> AsyncIterator[S3Site]:
    # Its operator makes the bucket; the service, whose keys the rebuild reads with, may not.
    seaweedfs.ensure_bucket(seaweed.client(), BUCKET)
    declared, _ = two_buckets(seaweed)
    store = S3Site(bucket_of(declared.model_copy(update={"bucket": BUCKET})))
    await store.prepare()
    yield store
    for found in seaweed.client().list_objects(BUCKET, recursive=True, include_version=True):
        seaweed.client().remove_object(BUCKET, found.object_name or "", found.version_id)
    await store.close()


def kept_in(client: Minio, seed: str) -> KeptSite:
    """One small AIP in the bucket, with the versions that it gave in the lines of the write log."""

    def put(key: str, content: bytes) -> str:
        return client.put_object(BUCKET, key, io.BytesIO(content), len(content)).version_id or ""

    site = KeptSite(seed=seed, lines_each=6, put=put)
    site.found()
    site.deposit(3)
    return site


def cover(client: Minio, *keys: str) -> None:
    for key in keys:
        client.put_object(BUCKET, key, io.BytesIO(b"strange"), 7)


def hide(client: Minio, *keys: str) -> None:
    for key in keys:
        client.remove_object(BUCKET, key)


@pytest.fixture
async def in_bucket(bucket: S3Site, databases: Databases, tmp_path: Path) -> AsyncIterator[Ruins]:
    ruins = Ruins(databases, {room: databases.room(room) for room in ROOMS}, bucket, tmp_path / "site-a", {})
    yield ruins
    await ruins.close_rooms()


async def test_what_a_stranger_puts_on_top_or_hides_changes_nothing_that_comes_back(
    in_bucket: Ruins, seaweed: seaweedfs.Site
) -> None:
    client = seaweed.client()
    kept = await asyncio.to_thread(kept_in, client, "bucket")
    for leave in (kept.close, partial(kept.deposit, 2), kept.close):
        await asyncio.to_thread(leave)
    aip = min(key for key in kept.objects if key.endswith(".tar"))
    (agreement,) = (key for key in kept.objects if "/agreement/" in key)
    (marked,) = (key for key in kept.objects if "/organisation/" in key)
    first, *_, last = sorted(key for key in kept.objects if key.startswith("platform/journals/writes/"))
    of_town = f"{kept.establishment}/journals"
    lines = min(key for key in kept.objects if key.startswith(f"{of_town}/archives/"))
    writes = min(key for key in kept.objects if key.startswith(f"{of_town}/writes/"))
    await asyncio.to_thread(cover, client, aip, agreement, writes, last)
    await asyncio.to_thread(hide, client, marked, lines, first)

    report = await in_bucket.rebuild()

    # What a stranger has put there is told of all the same; of the last container no line tells, and no other site.
    assert {(one.code, one.place) for one in report.findings} == {
        *(("object_overlaid", key) for key in (aip, agreement, writes)),
        *(("object_hidden", key) for key in (marked, lines, first)),
        ("end_believed", last),
    }
    counts = await in_bucket.counts()
    assert (counts["data_management.unit"], counts["ingest.transfer"], counts["admin.organisation"]) == (5, 2, 1)
    # The lines about the last container's own copies are in none.
    assert counts["proof.line"] == sum(len(each) for each in kept.journals.values()) - 2
    recorded = await in_bucket.rows("SELECT version_id FROM storage.copy WHERE site = 'a' AND version_id IS NULL")
    assert recorded == []


async def test_proofs_that_a_stranger_hides_come_back(in_bucket: Ruins, seaweed: seaweedfs.Site) -> None:
    client = seaweed.client()
    kept = await asyncio.to_thread(kept_in, client, "proven")
    for leave in (partial(prove, kept), partial(kept.deposit, 2), kept.close):
        await asyncio.to_thread(leave)
    proofs = [proof_key("anchor", 1), proof_key("seal", 1)]
    await asyncio.to_thread(hide, client, *proofs)

    report = await in_bucket.rebuild()

    assert {one.code: one.place for one in report.findings if one.place in proofs} == {"object_hidden": proofs[1]}
    assert (report.counts["anchors"], report.counts["seals"]) == (1, 1)


async def test_an_establishment_of_which_a_stranger_hides_all_comes_back(
    in_bucket: Ruins, seaweed: seaweedfs.Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = seaweed.client()
    kept = await asyncio.to_thread(kept_in, client, "hidden")
    for leave in (kept.close, partial(kept.deposit, 2), kept.close):
        await asyncio.to_thread(leave)
    of_town = [key for key in kept.objects if key.startswith(f"{kept.establishment}/")]
    await asyncio.to_thread(hide, client, *of_town)
    sizes: list[int] = []

    async def kept_some(house: House, aips: Sequence[UUID]) -> None:
        sizes.append(len(aips))
        await keep_deposits(house, aips)

    monkeypatch.setattr(packages, "keep_deposits", kept_some)
    monkeypatch.setattr(packages, "AIPS", 1)

    report = await in_bucket.rebuild()

    assert {one.place for one in report.findings if one.code == "object_hidden"} == set(of_town)
    counts = await in_bucket.counts()
    assert (counts["data_management.unit"], counts["ingest.transfer"], counts["ingest.agreement"]) == (5, 2, 1)
    # No batch grows with what is hidden.
    assert sizes == [1, 1]


async def test_another_site_of_which_a_stranger_hides_all_is_heard_all_the_same(
    in_bucket: Ruins, seaweed: seaweedfs.Site
) -> None:
    client = seaweed.client()
    kept = await asyncio.to_thread(kept_in, client, "silent")
    await asyncio.to_thread(hide, client, *kept.objects)

    with scratch() as facts:
        others = {"b": in_bucket.store}
        house = House(in_bucket.rooms, "a", in_bucket.store, ("a", "b"), facts, Report(), others=others)
        assert (await without_silent(house)).others == others


async def assert_pinned(ruins: Ruins, seaweed: seaweedfs.Site, aip: UUID) -> None:
    """Where no line named the version of a copy, whoever reads it back reads ours, and notes which it was."""
    async with ruins.rooms["storage"].reading() as connection:
        found = await holdings.with_copies(connection, aip)
    assert found is not None
    held, copies = found
    (copy,) = (one for one in copies if one.site == "a")
    declared, _ = two_buckets(seaweed)
    opened = OpenSite(declared.site, ruins.store)

    known = await pinned(opened, held, replace(copy, version_id=None))

    assert (known.version_id, copy.written_by) == (copy.version_id, None)
    measure = await measured(opened, held, known)
    assert measure is not None
    assert measure.sha512 == held.sha512
    of_today = replace(copy, version_id=None, written_by=uuid4())
    assert await pinned(opened, held, of_today) == of_today


async def test_of_what_no_line_tells_the_oldest_version_is_taken_that_another_site_has(
    in_bucket: Ruins, seaweed: seaweedfs.Site, tmp_path: Path
) -> None:
    client = seaweed.client()
    kept = await asyncio.to_thread(kept_in, client, "lately")
    other = FilesystemSite(tmp_path / "site-b")
    await other.prepare()
    kept.write_to(tmp_path / "site-b")
    in_bucket.others = {"b": other}
    covered = [key for key in kept.objects if key.endswith(".tar") or "/agreement/" in key]
    (hidden,) = (key for key in kept.objects if "/organisation/" in key)
    await asyncio.to_thread(cover, client, *covered)
    await asyncio.to_thread(hide, client, hidden)

    report = await in_bucket.rebuild()

    assert {(one.code, one.place) for one in report.findings} == {
        *(("without_line", key) for key in kept.objects),
        ("object_hidden", hidden),
    }
    held = await in_bucket.rows("SELECT key, sha512 FROM storage.holding")
    assert {one["key"]: one["sha512"] for one in held} == {
        key: sha512_of(content) for key, content in kept.objects.items()
    }
    assert (await in_bucket.counts())["data_management.unit"] == 3
    for key in (*covered, hidden):
        (copy,) = await in_bucket.rows(
            "SELECT version_id FROM storage.copy JOIN storage.holding ON id = holding WHERE key = $1 AND site = 'a'",
            key,
        )
        oldest = (await in_bucket.store.versions(key))[-1]
        assert copy["version_id"] == oldest.version_id
    await assert_pinned(in_bucket, seaweed, kept.id("aip 1"))
    await other.close()
