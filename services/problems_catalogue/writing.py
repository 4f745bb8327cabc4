"""Write docs/errors.md: an entry a code, with the very answer that a room gives."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from services.problems_catalogue.examples import example_of
from services.problems_catalogue.reading import Said, problems_said, token_errors

ENTRIES: Final = Path(__file__).with_name("entries.toml")

REMEDIES: Final[Mapping[str, tuple[str, str]]] = {
    "wait": ("Wait, and send the same again", "The request may be right: after `Retry-After`, or a few seconds."),
    "mend": ("Mend the request", "Sent again as it is, it is refused again."),
    "ask": ("Ask the administrator", "The request may be right, and it is not for this client, or not now."),
    "never": ("Do not try again", "What is asked for is not there, or is over."),
}
"""What a client does about an error, in the order of the page."""

_INTRODUCTION = """\
# Errors

What a room answers when it refuses a request, and what a client does about it. Errors are problem documents
(RFC 9457, `application/problem+json`) with a stable `code`: software decides by it, or by the status, and never by a
text. `detail` is for people, in French, or in English with `Accept-Language: en`.

A deposit that was taken and then found wanting is no error: its transfer is `rejected`, and
[findings.md](findings.md) explains what was found. How a nightly deposit meets all this is in
[integrators.md](integrators.md#when-something-does-not-pass).

A room that asks another passes its answer on; where that one had no code, it is `refused`. A proxy on the way may
answer in words of its own (502, 504): treat them as a 503.

This page is made from the source (`services/problems_catalogue/reading.py:problems_said`) and from
`services/problems_catalogue/entries.toml` by `make errors`.
"""
_TOKENS = """\
## The token endpoint

`POST /admin/v1/token` answers in the words of OAuth 2 (RFC 6749, section 5.2), for whoever has a library for it: 401
for `invalid_client`, 400 for the others. Mend the credentials or the request; a wrong secret sent again and again is
answered 429 for a while.
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the source does not say of a code: when it comes, what to do, and values for its example."""

    remedy: str
    when: str
    do: str
    values: Mapping[str, Any] = field(default_factory=dict)


class EntriesMissing(Exception):
    """Codes that a room answers with have no entry."""


def document() -> str:
    """Return docs/errors.md; raises `EntriesMissing`, or `ValueMissing` where an example wants a value."""
    missing = sorted(_by_code().keys() - entries().keys())
    if missing:
        raise EntriesMissing(f"{ENTRIES.name} has no entry for {', '.join(missing)}")
    return "\n".join([_INTRODUCTION, *_summary(), *_sections(), *_tokens()])


@cache
def entries() -> dict[str, Entry]:
    """Return code → its entry."""
    return {code: Entry(**told) for code, told in tomllib.loads(ENTRIES.read_text(encoding="utf-8")).items()}


def _by_code() -> dict[str, list[Said]]:
    said: dict[str, list[Said]] = {}
    for each in problems_said():
        said.setdefault(each.code, []).append(each)
    return said


def _summary() -> Iterator[str]:
    yield "| code | status | what a client does |"
    yield "|---|---|---|"
    for code, said in _by_code().items():
        statuses = ", ".join(sorted({str(each.status) for each in said}))
        yield f"| [`{code}`](#{code}) | {statuses} | {REMEDIES[entries()[code].remedy][0].lower()} |"
    yield ""


def _sections() -> Iterator[str]:
    for remedy, (title, sentence) in REMEDIES.items():
        yield f"## {title}\n"
        yield f"{sentence}\n"
        for code, said in _by_code().items():
            if entries()[code].remedy == remedy:
                yield from _entry(code, said)


def _entry(code: str, said: list[Said]) -> Iterator[str]:
    entry = entries()[code]
    yield f"### {code}\n"
    yield f"{entry.when}\n"
    yield f"**To do**: {entry.do}\n"
    # The same answer may be given in several places.
    for example in dict.fromkeys(example_of(each, entry.values) for each in said):
        yield f"```http\n{example}\n```\n"


def _tokens() -> Iterator[str]:
    yield _TOKENS
    for code, description in sorted(token_errors().items()):
        yield f"* `{json.dumps({'error': code, 'error_description': description})}`"
    yield ""
