"""Every finding explained: docs/findings.md, and the page that the archive itself shows; both from one table.

``python -m services.ingest.findings_catalogue`` prints the document (``make findings`` writes it).
"""

import sys
from collections.abc import Iterator
from html import escape

from services.ingest.domain.families import FAMILIES, family_of
from services.ingest.domain.finding_texts import TEXTS
from services.ingest.domain.findings import Severity
from services.ingest.domain.mend_texts import MENDS
from services.ingest.html_page import block, element, page

HERE = "/ingest/v1/findings"
"""Where the archive shows this catalogue."""

_INTRODUCTION = """\
# Findings

What the checks of a deposit may say, and what a depositor does about it. A code never changes its meaning; texts may
get better. `GET /ingest/v1/transfers/{id}` gives the findings of a transfer, each with a link to its entry here
(`help`); its `/report` is for people. An archive shows this catalogue itself, in French or English, under
`/ingest/v1/findings`.

An **error** refuses the transfer; a **warning** or an **info** never does. The weight given here is the usual one: an
agreement makes some of them heavier or lighter. Names between braces are told with each finding (`details`).

This page is made from the tables that the findings are written from (`services/ingest/domain/finding_texts.py:TEXTS`,
`services/ingest/domain/mend_texts.py:MENDS`) by `make findings`.
"""
_SEVERITIES = {
    Severity.ERROR: ("erreur", "error"),
    Severity.WARNING: ("avertissement", "warning"),
    Severity.INFO: ("pour information", "info"),
}


def link_to(code: str) -> str:
    """Return where the entry of a code is to be read."""
    return f"{HERE}#{code}"


def document() -> str:
    """Return docs/findings.md."""
    return "\n".join([_INTRODUCTION, *(line for family in FAMILIES for line in _family(family))])


def _family(family: str) -> Iterator[str]:
    french, english = FAMILIES[family]
    yield f"## {french} / {english}\n"
    for code in _codes(family):
        yield from _entry(code)


def _entry(code: str) -> Iterator[str]:
    told, mended = TEXTS[code], MENDS[code]
    source = f" Source: {_plain(mended.source)}." if mended.source else ""
    yield f'### <a id="{code}"></a>{code}\n'
    yield f"*{_SEVERITIES[told.severity][1]}*, family {family_of(code)}.{source}\n"
    yield f"* fr: {_plain(told.fr)}<br>**À faire** : {_plain(mended.fr)}"
    yield f"* en: {_plain(told.en)}<br>**To do**: {_plain(mended.en)}\n"


def _plain(text: str) -> str:
    """Return a text that Markdown shows as it is."""
    return escape(text, quote=False).replace("*", r"\*").replace("_", r"\_")


def catalogue(language: str) -> str:
    """Return the same as a page, in one language."""
    at = 0 if language == "fr" else 1
    title = ("Les constats, un par un", "The findings, one by one")[at]
    return page(title, language, (_section(family, at) for family in FAMILIES))


def _section(family: str, at: int) -> str:
    entries = (part for code in _codes(family) for part in _article(code, at))
    return block("section", [element("h2", FAMILIES[family][at]), *entries])


def _article(code: str, at: int) -> Iterator[str]:
    told, mended = TEXTS[code], MENDS[code]
    yield element("h3", code, id=code)
    yield element("p", f"{(told.fr, told.en)[at]} ({_SEVERITIES[told.severity][at]})")
    yield element("p", f"{('Que faire :', 'What to do:')[at]} {(mended.fr, mended.en)[at]}")
    if mended.source:
        yield element("p", f"{('Source :', 'Source:')[at]} {mended.source}")


def _codes(family: str) -> list[str]:
    return sorted(code for code in TEXTS if family_of(code) == family)


if __name__ == "__main__":
    sys.stdout.write(document())
