"""The catalogue of findings and the code agree: nothing is said without a text, no text is for nothing."""

import ast
import pickle
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.ingest.domain.families import FAMILIES
from services.ingest.domain.finding_texts import TEXTS, found, text
from services.ingest.domain.findings import Finding, Severity

INGEST = Path(__file__).parents[3] / "services" / "ingest"


def calls() -> Iterator[ast.Call]:
    """Every call of `found` in ingest."""
    for path in INGEST.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "found":
                yield node


def named(call: ast.Call) -> list[str]:
    """The codes a call may have: a literal, or the literals of a choice."""
    return [
        node.value
        for node in ast.walk(call.args[0])
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


def test_every_code_that_is_used_has_a_text_and_every_text_is_used() -> None:
    constants = {
        node.value
        for path in INGEST.rglob("*.py")
        if not path.name.endswith("_texts.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }

    used = {code for call in calls() for code in named(call)}

    assert used - TEXTS.keys() == set()
    assert TEXTS.keys() - constants == set()


def test_every_parameter_of_a_text_is_given_where_its_code_is_used() -> None:
    missing = []
    for call in calls():
        given = {keyword.arg for keyword in call.keywords}
        if None in given:
            continue
        for code in named(call):
            missing += [(code, name) for name in parameters(code) if not {name, f"{name}_fr"} & given]

    assert missing == []


def parameters(code: str) -> set[str]:
    templates = (TEXTS[code].fr, TEXTS[code].en)
    return {
        name.removesuffix("_fr") for each in templates for _, name, _, _ in string.Formatter().parse(each) if name
    }


@pytest.mark.parametrize("code", sorted(TEXTS))
def test_a_code_is_of_a_known_family_and_its_texts_are_sentences(code: str) -> None:
    assert code.partition("_")[0] in FAMILIES
    assert code == code.upper()
    for sentence in (TEXTS[code].fr, TEXTS[code].en):
        assert sentence[0].isupper() or sentence[0] in "«“{"
        assert sentence.endswith((".", "{reason}", "{path}"))


def test_a_finding_says_the_same_in_two_languages() -> None:
    finding = found("OBJECT_SIZE_MISMATCH", "manifest.xml:3 ID1", declared="3", measured="4")

    assert text(finding, "fr") == "La taille annoncée (3 octets) n’est pas celle du fichier (4)."
    assert text(finding, "en") == "The size announced (3 bytes) is not that of the file (4)."


def test_a_parameter_may_have_its_own_french() -> None:
    finding = found("REFERENCE_WRONG_KIND", "p", element="E", target="T", kind="a unit", kind_fr="une unité")

    assert "une unité" in text(finding, "fr")
    assert "a unit" in text(finding, "en")


def test_a_text_with_braces_in_its_parameters_or_a_missing_one_is_no_crash() -> None:
    assert "{0}{x!r}" in text(found("OBJECT_FILE_MISSING", "p", uri="{0}{x!r}"), "fr")
    assert "…" in text(Finding("OBJECT_FILE_MISSING", Severity.ERROR, "p", {}), "en")
    assert text(Finding("OF_LATER_VERSION", Severity.INFO, "p", {}), "fr") == "OF_LATER_VERSION"


def test_a_finding_travels_between_processes() -> None:
    finding = found("CONTAINER_TRUNCATED", "container")

    assert pickle.loads(pickle.dumps(finding)) == finding  # noqa: S301 (our own bytes)
