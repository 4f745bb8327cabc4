import io
from collections.abc import Iterator
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
    stranger = seaweedfs.Site(site.folder, site.endpoint, "unknown", "unknown")
    with pytest.raises(S3Error, match="InvalidAccessKeyId"):
        stranger.client().list_buckets()


def test_the_store_listens_on_loopback_only(folder: Path) -> None:
    seaweedfs.start(folder)
    mark = processes.read_mark(folder / "seaweedfs.pid")
    assert mark is not None
    lines = psutil.Process(mark.pid).net_connections("inet")
    assert {line.laddr.ip for line in lines if line.status == psutil.CONN_LISTEN} == {"127.0.0.1"}
