import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pygfried
import pytest
from lxml import etree

from chartrier_client import SedaVersion, SourceFile
from chartrier_client.samples.deposit import demo_deposit
from chartrier_client.samples.pdf import Paper, write_pdf
from chartrier_client.samples.town_hall import accounting_flow, contract, deliberation
from services.ingest.pipeline.schema import load_schema

DAY = date(2026, 3, 26)

Maker = Callable[[date], SourceFile]


def bytes_of(source: SourceFile) -> bytes:
    assert isinstance(source.content, bytes)
    return source.content


@pytest.mark.parametrize(
    ("make", "puid"), [(deliberation, "fmt/276"), (accounting_flow, "fmt/101"), (contract, "fmt/291")]
)
def test_each_document_is_identified_as_what_it_claims_to_be(tmp_path: Path, make: Maker, puid: str) -> None:
    source = make(DAY)
    path = tmp_path / source.name
    path.write_bytes(bytes_of(source))

    assert pygfried.identify(str(path)) == puid


@pytest.mark.parametrize("make", [deliberation, accounting_flow, contract])
def test_each_document_is_a_function_of_its_day(make: Maker) -> None:
    assert make(DAY) == make(DAY)
    assert make(DAY) != make(date(2026, 3, 27))


def test_every_offset_of_a_pdf_points_at_its_object() -> None:
    paper = Paper("Long (très) long", "Mairie", ("un paragraphe \\ de texte",) * 60, datetime.now(UTC))
    pdf = write_pdf(paper)

    start = int(pdf.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
    entries = pdf[start:].split(b"trailer")[0].splitlines()[3:]
    offsets = [int(entry.split()[0]) for entry in entries]

    assert pdf[start:].startswith(b"xref\n")
    assert all(pdf[offset:].startswith(b"%d 0 obj" % number) for number, offset in enumerate(offsets, 1))
    assert pdf.count(b"/Type /Page ") == 3
    assert b"(Long \\(tr\xe8s\\) long)" in pdf


def test_the_text_of_the_deliberation_is_there_with_its_accents() -> None:
    pdf = bytes_of(deliberation(DAY))

    assert "Séance du 26/03/2026.".encode("cp1252") in pdf
    assert "48 500\u00a0€ (œuvres".replace("(", "\\(").encode("cp1252") in pdf


def test_the_accounting_flow_is_a_pes_in_latin_1() -> None:
    flow = bytes_of(accounting_flow(DAY))
    root = etree.fromstring(flow)

    assert flow.startswith(b"<?xml version='1.0' encoding='ISO-8859-1'?>")
    assert root.tag == "{http://www.minefi.gouv.fr/cp/helios/pes_v2/Rev0/aller}PES_Aller"
    assert "Étienne".encode("latin-1") in flow
    names = [element.get("V") for element in root.iter("NomFic")]
    assert names == ["PESALR2_21990042000015_260326_017"]


def test_the_contract_opens_as_a_package_with_its_type_first(tmp_path: Path) -> None:
    path = tmp_path / "contrat.odt"
    path.write_bytes(bytes_of(contract(DAY)))

    with zipfile.ZipFile(path) as package:
        first = package.infolist()[0]
        listed = etree.fromstring(package.read("META-INF/manifest.xml"))
        text = package.read("content.xml").decode()
        names = set(package.namelist())
    paths = {entry.get(f"{{{listed.nsmap['manifest']}}}full-path") for entry in listed}

    assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
    assert paths == {"/"} | names - {"mimetype", "META-INF/manifest.xml"}
    assert "médiathèque" in text


@pytest.mark.parametrize("version", list(SedaVersion))
def test_the_demonstration_deposit_is_valid_and_always_the_same(tmp_path: Path, version: SedaVersion) -> None:
    demo = demo_deposit(tmp_path / "one.zip", version=version)
    again = demo_deposit(tmp_path / "two.zip", version=version)

    with zipfile.ZipFile(demo.sip.path) as package:
        manifest = etree.fromstring(package.read("manifest.xml"))
    load_schema(version).assertValid(manifest)
    titles = [title.text for title in manifest.iter("{*}Title")]
    assert len(titles) == 4
    assert demo.deliberation_title in titles
    assert demo.sip.path.read_bytes() == again.sip.path.read_bytes()
