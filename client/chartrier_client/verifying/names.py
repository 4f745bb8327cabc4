"""The names that files have on a site say what is in them; where they do and lie, one thing stands for another."""

import re
from typing import Final

from chartrier_client.verifying.checks import Subject

AIP: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}-v\d+\.tar")
CONTAINER: Final = re.compile(r"\d{16}-\d{16}\.ndjson")
PROOF: Final = re.compile(r"\d{16}\.(?:jws|tar)")


def judge_name(name: str, form: re.Pattern[str], expected: str, about: Subject) -> None:
    """Compare the name of a file with what is in it; other names than those of a site are anybody's."""
    if form.fullmatch(name):
        about.same("file.name", name, expected)
