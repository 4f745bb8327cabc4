"""The page of each kind of attestation, and its words: set quickly, the same again, loud where it proves nothing."""

import asyncio
import io
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader

from services.proof.attestations import sealing_pdf
from services.proof.attestations.french import bytes_in_digits, in_words, moment_in_words, year_in_words
from services.proof.attestations.rendering import TEMPLATES, rendered
from services.proof.attestations.sealing_pdf import PdfSealer
from services.proof.signing.opening import open_signer
from services.proof.stamping.builtin import BuiltinAuthority
from services.proof.stamping.fetching import Fetcher
from services.proof.stamping.stamper import Stamper

AT = datetime(2026, 11, 27, 3, 12, 1, tzinfo=UTC)
AIP, DIGEST = "01890a5d-ac96-774b-bcce-b302099a8057", "ab12cd34" * 16
LINE = {"journal": f"archives.{AIP}", "number": 118, "sha512": DIGEST}
COMMON = {
    "id": AIP,
    "probative": True,
    "issued_at": "2026-11-27T03:12:01.000Z",
    "issued_in_words": moment_in_words(AT),
    "signer": "Chartrier",
    "establishment": AIP,
    "aip": AIP,
    "version": 1,
    "transfer": AIP,
    "accepted_at": "2026-11-20T00:00:00.000Z",
    "accepted_in_words": moment_in_words(AT),
    "members": 8,
    "size": bytes_in_digits(10_240),
    "aip_sha512": DIGEST,
    "group": DIGEST,
}
FACTS: Mapping[str, Mapping[str, Any]] = {
    "deposit": {
        "receipt_sha512": DIGEST,
        "copies": [{"site": "a", "place": "Rennes <salle *A*>", "verified_at": "2026-11-20T00:00:00.000Z"}],
        "lines": [LINE],
    },
    "integrity": {
        "statement": AIP,
        "checked_in_words": moment_in_words(AT),
        "seal": {
            "number": 3,
            "stamped_at": "2026-11-20T00:00:00.000Z",
            "stamped_in_words": moment_in_words(AT),
            "authority": "une autorité",
            "serial": "12",
            "root": DIGEST,
        },
        "checks": [{"label": "Exemplaire relu", "source": "site:a", "verdict": "conforme"}] * 30,
    },
    "elimination": {
        "order": AIP,
        "purged_at": "2026-11-20T00:00:00.000Z",
        "purged_in_words": moment_in_words(AT),
        "units": [AIP] * 1000,
        "version": 2,
        "copies": 2,
        "list_sha512": DIGEST,
        "visa_sha512": DIGEST,
        "groups": [{"version": 1, "seal": None, "group": DIGEST}],
    },
    "communication": {
        "whole": False,
        "communicated_at": "2026-11-20T00:00:00.000Z",
        "communicated_in_words": moment_in_words(AT),
        "sha512": DIGEST,
        "seal": None,
        "line": LINE,
    },
    "restitution": {
        "restitution": AIP,
        "returned_at": "2026-11-20T00:00:00.000Z",
        "returned_in_words": moment_in_words(AT),
        "aips": [{"aip": AIP, "version": 1, "sha512": DIGEST}],
    },
}


def test_every_template_has_its_facts_here() -> None:
    assert {path.stem for path in TEMPLATES.glob("*.typ")} == {*FACTS, "page"}


@pytest.mark.parametrize("kind", FACTS)
async def test_a_page_is_pdf_a_and_the_same_again(kind: str) -> None:
    page = await rendered(kind, {**COMMON, **FACTS[kind]}, AT)

    assert await rendered(kind, {**COMMON, **FACTS[kind]}, AT) == page
    root = PdfFileReader(io.BytesIO(page)).root
    assert "<pdfaid:part>2</pdfaid:part>" in root["/Metadata"].data.decode()
    assert root["/OutputIntents"][0]["/S"] == "/GTS_PDFA1"
    # What proves nothing looks otherwise, on every page.
    assert await rendered(kind, {**COMMON, **FACTS[kind], "probative": False}, AT) != page


async def test_a_page_with_all_signed_is_there_within_two_seconds_and_nobody_waits_for_it() -> None:
    late, last, over = 0.0, time.perf_counter(), asyncio.Event()

    async def tick() -> None:
        nonlocal late, last
        while not over.is_set():
            await asyncio.sleep(0)
            late, last = max(late, time.perf_counter() - last), time.perf_counter()

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0)
    started = time.process_time()
    sealer = PdfSealer(open_signer("development:"), Stamper([BuiltinAuthority()], Fetcher()))
    page = await rendered("elimination", {**COMMON, **FACTS["elimination"]}, AT)
    waited = late
    assert len(PdfFileReader(io.BytesIO(await sealer.sealed(page))).embedded_regular_signatures) == 1
    over.set()
    await ticking

    assert time.process_time() - started < 2
    # Set in a thread, without the interpreter's lock: the loop turns meanwhile.
    assert waited < 0.5


async def test_a_token_that_is_longer_than_any_before_finds_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing_pdf, "RESERVED", 4096)
    monkeypatch.setattr(sealing_pdf, "SPARE", 0)
    sealer = PdfSealer(open_signer("development:"), Stamper([BuiltinAuthority()], Fetcher()))

    signed = await sealer.sealed(await rendered("restitution", {**COMMON, **FACTS["restitution"]}, AT))

    assert len(PdfFileReader(io.BytesIO(signed)).embedded_regular_signatures) == 1


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zéro"),
        (1, "un"),
        (16, "seize"),
        (17, "dix-sept"),
        (21, "vingt et un"),
        (22, "vingt-deux"),
        (31, "trente et un"),
        (60, "soixante"),
        (70, "soixante-dix"),
        (71, "soixante et onze"),
        (80, "quatre-vingts"),
        (81, "quatre-vingt-un"),
        (91, "quatre-vingt-onze"),
        (99, "quatre-vingt-dix-neuf"),
    ],
)
def test_numbers_are_in_french(number: int, words: str) -> None:
    assert in_words(number) == words


def test_moments_are_in_french_and_in_utc() -> None:
    east = timezone(timedelta(hours=2))

    assert moment_in_words(AT) == "vingt-sept novembre deux mille vingt-six, à trois heures douze minutes une seconde"
    first = datetime(2027, 1, 1, 2, 21, 0, tzinfo=east)
    assert (
        moment_in_words(first)
        == "premier janvier deux mille vingt-sept, à zéro heure vingt et une minutes zéro seconde"
    )
    assert (year_in_words(2000), year_in_words(1999), year_in_words(2101)) == ("deux mille", "1999", "2101")


def test_bytes_are_grouped_by_three() -> None:
    assert bytes_in_digits(1_234_567) == "1\N{NARROW NO-BREAK SPACE}234\N{NARROW NO-BREAK SPACE}567"
