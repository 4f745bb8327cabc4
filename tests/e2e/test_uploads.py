"""A resumable deposit on the whole archive: by a client that is not ours, and through cuts and a death."""

import hashlib
import random
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tusclient.client import TusClient

from bench.workloads import Series, large_file, large_sip
from services.local.stack import Stack
from trials.evidence import assert_accepted_once
from trials.levers import Levers
from trials.towns import Archive, a_package, a_town, until_state
from trials.uploading import PLACE, Upload

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

SEED = 20261126
CUTS = 20
MIB = 1024**2


def test_a_client_that_is_not_ours_uploads_a_deposit_that_is_accepted(archive: Archive, tmp_path: Path) -> None:
    town = a_town(archive)
    sip = a_package(tmp_path / "sip.zip", files=3)
    with town.http() as http:
        tus = TusClient(f"{archive.base_url}{PLACE}", headers={"Authorization": http.headers["authorization"]})
    described = {"agreement": town.agreement, "filename": "sip.zip"}
    half = sip.stat().st_size // 2
    # In two halves, each with its checksum, by two uploaders: the second asks where the first has stopped.
    with sip.open("rb") as stream:
        first = tus.uploader(file_stream=stream, metadata=described, chunk_size=half, upload_checksum=True)
        first.upload(stop_at=half)
        second = tus.uploader(file_stream=stream, url=first.url, upload_checksum=True)
        assert second.offset == half
        second.upload()

    last: Any = second.request  # of a type that its library does not tell
    place = last.response_headers["chartrier-transfer"]
    with town.client() as client:
        transfer = until_state(client, place.rpartition("/")[2], "accepted", "rejected")
    assert transfer.state == "accepted", transfer.findings
    with town.http() as http:
        assert http.get(place).json()["sha512"] == hashlib.sha512(sip.read_bytes()).hexdigest()


@pytest.mark.parametrize("archive", ["full-stack"], indirect=True)
def test_an_upload_cut_twenty_times_and_once_by_a_death_is_accepted_bit_for_bit(
    archive: Archive, full_stack: Stack, tmp_path: Path
) -> None:
    levers, chance, town = Levers.of(full_stack), random.Random(SEED), a_town(archive)  # noqa: S311 (no secret)
    series = Series("cut", SEED)
    sip = large_sip(series, large_file(series, 12 * MIB, tmp_path / "large.bin"), tmp_path / "sip.zip")
    upload = Upload.begin(town, sip)
    death = chance.randrange(CUTS)
    for number in range(CUTS):
        begins = upload.until_free()
        sent = chance.randrange(1, min(2 * upload.size // CUTS, upload.size - begins))
        upload.break_off(begins, sent, partial(levers.kill, "ingest") if number == death else lambda: None)
        if number == death:
            levers.start("ingest")
        assert begins <= upload.until_free() <= begins + sent

    transfer = upload.finish()

    assert_accepted_once(levers, town, [transfer])
    with town.http() as http:
        told = http.get(f"/ingest/v1/transfers/{transfer}").json()["sha512"]
    assert told == hashlib.sha512(sip.read_bytes()).hexdigest()
