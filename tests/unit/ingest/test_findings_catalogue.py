"""Every finding is explained: one entry a code, in two languages, the same in the document, the page and the API."""

import ast
import string
from pathlib import Path

import pytest
from lxml import html

from services.ingest.domain.families import FAMILIES, family_of
from services.ingest.domain.finding_texts import TEXTS, found
from services.ingest.domain.findings import Finding, Severity
from services.ingest.domain.mend_texts import MENDS, mend
from services.ingest.findings_catalogue import HERE, catalogue, document, link_to
from services.ingest.pipeline.container.damage_texts import DAMAGE_FR

ROOT = Path(__file__).parents[3]
CONTAINER = ROOT / "services" / "ingest" / "pipeline" / "container"


def parameters(*templates: str) -> set[str]:
    return {name for each in templates for _, name, _, _ in string.Formatter().parse(each) if name}


def test_the_document_is_in_step_with_the_tables() -> None:
    committed = (ROOT / "docs" / "findings.md").read_text(encoding="utf-8")

    assert committed == document(), "docs/findings.md is behind the texts of findings: make findings"


def test_every_finding_has_its_entry_and_no_entry_is_for_nothing() -> None:
    assert MENDS.keys() == TEXTS.keys()
    assert {family_of(code) for code in TEXTS} <= FAMILIES.keys()


@pytest.mark.parametrize("code", sorted(TEXTS))
def test_what_to_do_is_said_in_sentences_with_nothing_but_what_the_finding_tells(code: str) -> None:
    given = parameters(TEXTS[code].fr, TEXTS[code].en)

    for sentence in (MENDS[code].fr, MENDS[code].en):
        assert parameters(sentence) <= given | {name.removesuffix("_fr") for name in given}
        assert sentence[0].isupper()
        assert sentence.endswith((".", ">."))
    assert MENDS[code].fr != MENDS[code].en


def test_an_entry_tells_weight_family_source_and_both_languages() -> None:
    entry = document().split('<a id="REFERENCE_INTO_GROUP">')[1].split("###")[0]

    assert "*error*, family REFERENCE. Source: SEDA 2.x, DataObjectGroupId." in entry
    for told in (TEXTS["REFERENCE_INTO_GROUP"], MENDS["REFERENCE_INTO_GROUP"]):
        assert told.fr in entry
        assert told.en in entry


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_page_has_the_anchor_of_every_code(language: str) -> None:
    page = html.document_fromstring(catalogue(language))

    assert set(page.xpath("//h3/@id")) == TEXTS.keys()
    assert page.get("lang") == language
    assert link_to("UNIT_NONE") == f"{HERE}#UNIT_NONE"


def test_what_to_do_names_the_things_at_hand() -> None:
    finding = found("HEADER_AGREEMENT_MISSING", "manifest.xml ArchiveTransfer", expected="ACCORD-1")

    assert "<ArchivalAgreement>ACCORD-1</ArchivalAgreement>" in mend(finding, "fr")
    assert mend(finding, "fr").startswith("Ajoutez")
    assert mend(finding, "en").startswith("Add")


def test_of_a_finding_of_a_later_version_nothing_is_invented() -> None:
    assert mend(Finding("OF_LATER_VERSION", Severity.ERROR, "p", {}), "fr") == ""


def test_every_damage_of_a_package_is_named_in_french() -> None:
    reasons = {
        call.args[0].value
        for path in CONTAINER.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "corrupt"
        if isinstance(call.args[0], ast.Constant)
    }

    assert reasons == DAMAGE_FR.keys()
