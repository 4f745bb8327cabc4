"""Enough of PromQL to say which metrics and labels an expression names; no more."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
    |(?P<range>\[[^\]]*\])
    |(?P<number>\d+(?:\.\d+)?(?:[smhdwy](?:\d+[smhdwy])*)?\b)
    |(?P<word>[A-Za-z_:][A-Za-z0-9_:]*)
    |(?P<sign>=~|!~|!=|==|>=|<=|[-+*/%^(){},=<>])""",
    re.VERBOSE,
)

KEYWORDS = frozenset({"and", "or", "unless", "bool", "offset"})
GROUPING = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
FUNCTIONS = frozenset(
    {"sum", "max", "min", "avg", "count", "topk", "rate", "increase", "changes", "absent", "histogram_quantile"}
    | {"time", "clamp_min", "label_replace", "max_over_time", "sort_desc"}
)


@dataclass
class Expression:
    """What an expression names: each metric with the labels it is chosen by, and the labels it groups by."""

    chosen: list[tuple[str, set[str]]] = field(default_factory=list)
    grouped: set[str] = field(default_factory=set)

    @property
    def metrics(self) -> set[str]:
        return {metric for metric, _ in self.chosen}


def parse(text: str) -> Expression:
    """Read an expression. Raises ValueError for a word that is neither function, keyword nor metric in its place."""
    tokens = list(_tokens(text))
    found = Expression()
    at = 0
    while at < len(tokens):
        kind, word = tokens[at]
        following = tokens[at + 1][1] if at + 1 < len(tokens) else ""
        at += 1
        if kind != "word" or word in KEYWORDS:
            continue
        if word in GROUPING:
            labels, at = _until(tokens, at, ")")
            found.grouped |= {label for kind, label in labels if kind == "word"}
        elif following == "{":
            inside, at = _until(tokens, at, "}")
            found.chosen.append((word, set(_labels(inside))))
        elif following == "(" or (following in GROUPING and word in FUNCTIONS):
            if word not in FUNCTIONS:
                raise ValueError(f"unknown function: {word}")
        else:
            found.chosen.append((word, set()))
    return found


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"not PromQL: {text[at : at + 20]!r}")
        at = match.end()
        if match.lastgroup not in {None, "space"}:
            yield str(match.lastgroup), match[0]


def _until(tokens: list[tuple[str, str]], at: int, end: str) -> tuple[list[tuple[str, str]], int]:
    closing = next((place for place in range(at, len(tokens)) if tokens[place][1] == end), None)
    if closing is None:
        raise ValueError(f"no {end!r}")
    return tokens[at + 1 : closing], closing + 1


def _labels(inside: list[tuple[str, str]]) -> Iterator[str]:
    for (kind, word), (_, sign) in pairwise(inside):
        if kind == "word" and sign in {"=", "!=", "=~", "!~"}:
            yield word
