from hashlib import sha512
from pathlib import Path

import pytest

from chartrier_client import (
    Client,
    DigestMismatch,
    StillRunning,
    Transfer,
)
from tests.unit.client.archive_double import ArchiveDouble, Said, said, said_bytes

TRANSFERS = "/ingest/v1/transfers"
UNITS = "/access/v1/units"


def a_transfer(state: str, **more: object) -> Said:
    return said({"id": "tr-1", "state": state, "findings": [], **more})


def test_waiting_tells_each_new_state_once_and_ends_on_a_final_one(client: Client, archive: ArchiveDouble) -> None:
    states = ["received", "checking", "checking", "storing", "accepted"]
    archive.says("GET", f"{TRANSFERS}/tr-1", *(a_transfer(state, aip_id="aip-1") for state in states))
    seen: list[str] = []

    def progress(transfer: Transfer) -> None:
        seen.append(transfer.state)

    final = client.wait("tr-1", 60, progress)

    assert (final.state, final.aip_id) == ("accepted", "aip-1")
    assert seen == ["received", "checking", "storing", "accepted"]


def test_waiting_stops_when_the_time_allowed_is_over(client: Client, archive: ArchiveDouble) -> None:
    archive.says("GET", f"{TRANSFERS}/tr-1", a_transfer("checking"))

    with pytest.raises(StillRunning, match="checking"):
        client.wait("tr-1", timeout=0)


def test_a_search_goes_through_every_page(client: Client, archive: ArchiveDouble) -> None:
    objects = [{"id": "o-1", "filename": "a.pdf", "size": 3, "format": "fmt/276", "digest": "ab"}]
    archive.says(
        "GET",
        UNITS,
        said({"items": [{"id": "u-1", "title": "Un", "objects": objects}], "next": "c=1&x", "total": 2}),
        said({"items": [{"id": "u-2", "title": "Deux"}], "next": None, "total": 2}),
    )

    found = list(client.search("parcelle d'été", level="Item"))

    assert [unit.id for unit in found] == ["u-1", "u-2"]
    assert found[0].objects[0].filename == "a.pdf"
    first, second = archive.requests("GET", UNITS)
    assert first.query == {"q": ["parcelle d'été"], "level": ["Item"]}
    assert second.query == {**first.query, "cursor": ["c=1&x"]}


def test_a_download_is_kept_only_when_its_digest_is_right(
    client: Client, archive: ArchiveDouble, tmp_path: Path
) -> None:
    archive.says("GET", "/access/v1/objects/good/content", said_bytes(b"bytes"))
    archive.says("GET", "/access/v1/objects/bad/content", said_bytes(b"bytes", sha512(b"others").digest()))
    archive.says("GET", "/access/v1/objects/bare/content", Said(200, b"bytes"))

    assert client.download("good", tmp_path / "good") == sha512(b"bytes").hexdigest()
    with pytest.raises(DigestMismatch):
        client.download("bad", tmp_path / "bad")
    with pytest.raises(DigestMismatch, match="cannot be verified"):
        client.download("bare", tmp_path / "bare")
    with pytest.raises(DigestMismatch):
        client.download("good", tmp_path / "unexpected", expected="00")
    client.download("bare", tmp_path / "known", expected=sha512(b"bytes").hexdigest().upper())

    assert sorted(path.name for path in tmp_path.iterdir()) == ["good", "known"]


def test_an_order_is_awaited_and_downloaded_against_its_digest(
    client: Client, archive: ArchiveDouble, tmp_path: Path
) -> None:
    ready = {"id": "d-1", "state": "ready", "size": 3, "digest": sha512(b"zip").hexdigest()}
    archive.says("POST", "/access/v1/dips", said({"id": "d-1", "state": "ordered"}, 202))
    archive.says("GET", "/access/v1/dips/d-1", said({"id": "d-1", "state": "building"}), said(ready))
    archive.says("GET", "/access/v1/dips/d-1/content", Said(200, b"zip"))

    order = client.wait_dip(client.order_dip(["u-1", "u-2"]), 60)
    client.download_dip(order.id, tmp_path / "dip.zip")

    assert archive.requests("POST", "/access/v1/dips")[0].json() == {"units": ["u-1", "u-2"]}
    assert (tmp_path / "dip.zip").read_bytes() == b"zip"


def test_the_copies_of_an_aip_are_told_site_by_site(client: Client, archive: ArchiveDouble) -> None:
    rows = [
        {"site": "a", "place": "Lille", "state": "verified", "sha512": "ab", "verified_at": "2026-01-01"},
        {"site": "b", "place": "Lyon", "state": "writing"},
    ]
    archive.says("GET", "/storage/v1/aips/aip-1/copies", said({"aip_id": "aip-1", "copies": rows}))

    assert [(copy.site, copy.place, copy.state) for copy in client.copies("aip-1")] == [
        ("a", "Lille", "verified"),
        ("b", "Lyon", "writing"),
    ]
