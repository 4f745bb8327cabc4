"""CHARTRIER_SEDA_XSD: an operator's files judge in place of ours, and wrong ones stop the start."""

import shutil
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from services.ingest.adapters.children import Children
from services.ingest.grammars import NAMESPACES, SCHEMAS, UnusableGrammar, official_grammar
from services.ingest.pipeline import schema
from services.ingest.settings import IngestSettings
from shared.configuration import faults_of
from tests.unit.ingest.test_schema_versions import TRANSFER, errors

KEEP_ONLY = TRANSFER.replace(
    "<AccessRule>", "<AppraisalRule><FinalAction>Destroy</FinalAction></AppraisalRule><AccessRule>"
)


@pytest.fixture
def official(tmp_path: Path) -> Path:
    """A folder laid out as the official one, its W3C files on the web: our grammars, but nothing is destroyed."""
    for version in NAMESPACES:
        folder = tmp_path / version
        shutil.copytree(SCHEMAS, folder)
        for part in folder.iterdir():
            said = part.read_text(encoding="utf-8").replace("Keep|Destroy", "Keep")
            said = said.replace('"xml.xsd"', '"http://www.w3.org/2001/xml.xsd"')
            part.write_text(said.replace('"xlink.xsd"', '"http://www.w3.org/1999/xlink.xsd"'), encoding="utf-8")
        for own in ("xml.xsd", "xlink.xsd"):
            (folder / own).unlink()
        (folder / f"seda-{version}.xsd").rename(folder / f"seda-{version}-main.xsd")
    return tmp_path


@pytest.fixture
def chosen(official: Path) -> Iterator[Path]:
    schema.use_official(official)
    yield official
    schema.use_official(None)


def told(folder: object) -> list[str]:
    environment = {"CHARTRIER_STAGING_URL": "file:///srv/staging", "CHARTRIER_SEDA_XSD": str(folder)}
    return [str(fault) for fault in faults_of([IngestSettings], environment)]


@pytest.mark.parametrize("version", NAMESPACES)
def test_the_operators_files_judge_once_chosen_and_ours_when_not(version: str, official: Path) -> None:
    assert errors(version, KEEP_ONLY) == []

    schema.use_official(official)
    try:
        refused = errors(version, KEEP_ONLY)
    finally:
        schema.use_official(None)

    assert any("'Destroy'" in message for message in refused)
    assert errors(version, KEEP_ONLY) == []


@pytest.mark.usefixtures("chosen")
def test_what_both_accept_is_accepted() -> None:
    assert [errors(version, TRANSFER) for version in NAMESPACES] == [[]] * len(NAMESPACES)


async def test_children_judge_by_what_they_are_prepared_with(official: Path) -> None:
    children = Children(1, partial(schema.use_official, official))
    try:
        assert await children.call(errors, "2.2", KEEP_ONLY) != []
    finally:
        await children.close()


def test_a_right_folder_is_no_fault(official: Path) -> None:
    assert told(official) == []


@pytest.mark.parametrize("version", NAMESPACES)
def test_a_version_that_is_absent_is_a_fault_that_names_it(official: Path, version: str) -> None:
    shutil.rmtree(official / version)

    entry = f"{version}/seda-{version}-main.xsd"
    assert told(official) == [
        f"CHARTRIER_SEDA_XSD: a folder of the official schemas is expected; {entry} is absent or no schema"
    ]


@pytest.mark.parametrize(
    "content", ["", "<not-a-schema/>", "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema'><xs:no/></xs:schema>"]
)
def test_a_file_that_is_no_schema_is_a_fault(official: Path, content: str) -> None:
    (official / "2.2" / "seda-2.2-main.xsd").write_text(content)

    assert ["2.2/seda-2.2-main.xsd" in fault for fault in told(official)] == [True]


def test_what_is_on_the_web_is_never_fetched(official: Path) -> None:
    entry = official / "2.1" / "seda-2.1-main.xsd"
    with socket.create_server(("127.0.0.1", 0)) as web:
        address = f"http://127.0.0.1:{web.getsockname()[1]}/seda-values.xsd"
        entry.write_text(entry.read_text().replace('"seda-values.xsd"', f'"{address}"'))

        with pytest.raises(UnusableGrammar, match=r"2\.1/seda-2\.1-main\.xsd: .*"):
            official_grammar(official, "2.1")

        web.setblocking(False)
        with pytest.raises(BlockingIOError):  # nobody called
            web.accept()


def test_ours_judge_unless_something_is_set() -> None:
    assert IngestSettings(staging_url="file:///srv/staging").seda_xsd is None
