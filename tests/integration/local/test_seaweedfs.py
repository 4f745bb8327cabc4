import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
from minio.commonconfig import COMPLIANCE, GOVERNANCE
from minio.error import S3Error
from minio.retention import Retention

from services.local import processes, seaweedfs

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    place = tmp_path_factory.mktemp("s3") / "site"
    yield place
    seaweedfs.stop(place)


@pytest.mark.parametrize("end", [seaweedfs.stop, seaweedfs.kill])
def test_a_locked_version_survives_a_restart_at_the_same_address(folder: Path, end: object) -> None:
    site = seaweedfs.start(folder)
    client = site.client()
    seaweedfs.ensure_bucket(client, "locked")
    until = Retention(GOVERNANCE, datetime.now(UTC) + timedelta(days=1))
    content = b"deliberation" * 100_000
    version = client.put_object("locked", "a.tar", io.BytesIO(content), len(content), retention=until).version_id
    assert callable(end)
    end(folder)
    assert not seaweedfs.is_running(folder)
    assert seaweedfs.start(folder) == site
    answer = client.get_object("locked", "a.tar", version_id=version)
    try:
        assert answer.read() == content
    finally:
        answer.close()
        answer.release_conn()
    with pytest.raises(S3Error, match="AccessDenied"):
        client.remove_object("locked", "a.tar", version_id=version)


def test_a_compliance_lock_cannot_be_shortened(folder: Path) -> None:
    client = seaweedfs.start(folder).client()
    seaweedfs.ensure_bucket(client, "locked")
    until = Retention(COMPLIANCE, datetime.now(UTC) + timedelta(days=2))
    version = client.put_object("locked", "b.tar", io.BytesIO(b"b"), 1, retention=until).version_id
    assert version is not None
    sooner = Retention(COMPLIANCE, datetime.now(UTC) + timedelta(days=1))
    with pytest.raises(S3Error, match="AccessDenied"):
        client.set_object_retention("locked", "b.tar", sooner, version_id=version)


def test_a_second_object_under_one_key_hides_the_first_and_loses_nothing(folder: Path) -> None:
    client = seaweedfs.start(folder).client()
    seaweedfs.ensure_bucket(client, "versions", object_lock=False)
    first, second = (client.put_object("versions", "k", io.BytesIO(b), 1).version_id for b in (b"1", b"2"))
    client.remove_object("versions", "k")
    kept = {found.version_id for found in client.list_objects("versions", include_version=True)}
    assert {first, second} <= kept


def test_a_bucket_made_without_object_lock_is_not_taken_for_one_with_it(folder: Path) -> None:
    client = seaweedfs.start(folder).client()
    seaweedfs.ensure_bucket(client, "unlocked", object_lock=False)
    with pytest.raises(seaweedfs.SeaweedError, match="without object lock"):
        seaweedfs.ensure_bucket(client, "unlocked")


def test_an_unknown_key_is_refused(folder: Path) -> None:
    site = seaweedfs.start(folder)
    stranger = replace(site, root=seaweedfs.Keys("unknown", "unknown"))
    with pytest.raises(S3Error, match="InvalidAccessKeyId"):
        stranger.client().list_buckets()


def test_the_store_listens_on_loopback_only(folder: Path) -> None:
    seaweedfs.start(folder)
    mark = processes.read_mark(folder / "seaweedfs.pid")
    assert mark is not None
    lines = psutil.Process(mark.pid).net_connections("inet")
    assert {line.laddr.ip for line in lines if line.status == psutil.CONN_LISTEN} == {"127.0.0.1"}


def test_a_store_of_a_release_that_had_one_key_is_given_the_others_even_while_it_runs(folder: Path) -> None:
    site = seaweedfs.start(folder)
    state = folder / "seaweedfs.json"
    known = json.loads(state.read_text())
    former = {name: known[name] for name in ("access_key", "secret_key", "ports")}
    state.write_text(json.dumps(former))

    now = seaweedfs.start(folder)
    again = seaweedfs.start(folder)

    assert (now.endpoint, now.root) == (site.endpoint, site.root)
    assert again == now
    assert len({now.root, now.service, now.purger, site.service, site.purger}) == 5
    seaweedfs.ensure_bucket(now.client(), "locked")
    for keys in (now.service, now.purger):
        assert replace(now, root=keys).client().bucket_exists("locked")


def test_only_root_makes_buckets(folder: Path) -> None:
    site = seaweedfs.start(folder)
    for keys in (site.service, site.purger):
        with pytest.raises(S3Error, match="AccessDenied"):
            replace(site, root=keys).client().make_bucket("by-a-room")


def test_keys_are_in_no_trace(folder: Path) -> None:
    site = seaweedfs.start(folder)
    assert not any(keys.secret_key in repr(site) for keys in (site.root, site.service, site.purger))
