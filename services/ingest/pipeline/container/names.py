"""Names of entries: what is refused, and the one path under which a file is known."""

import re
import unicodedata
from collections.abc import Iterator

from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding
from services.ingest.domain.limits import Limits

# C0, DEL, C1, lone surrogates (undecodable bytes), and the two separators that break lines.
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
_DRIVE = re.compile(r"^[A-Za-z]:")

_LONGEST = 4096


def clean_path(name: str) -> str:
    """Return `name` without empty and ``.`` segments: ``./Content//a.pdf`` is ``Content/a.pdf``."""
    return "/".join(segment for segment in name.split("/") if segment not in {"", "."})


def path_key(path: str) -> str:
    """Return what two spellings of one path share: macOS writes é in two characters, Windows in one.

    What is longer than any path stays as it is: to put the marks of one letter in order takes the square of their
    number.
    """
    return path if len(path) > _LONGEST else unicodedata.normalize("NFC", path)


def printable(name: str) -> str:
    """Return `name` as a finding may show it: no control character, no endless name."""
    shown = _FORBIDDEN.sub("\ufffd", name)
    return shown if len(shown) <= 200 else f"{shown[:197]}…"


def name_faults(name: str, limits: Limits) -> Iterator[Finding]:
    """Say why a file of this name cannot be taken: a name that could leave its folder, or cannot be kept."""
    place = printable(name)
    if name.startswith("/") or _DRIVE.match(name):
        yield found("CONTAINER_ABSOLUTE_PATH", place)
    if ".." in name.split("/"):
        yield found("CONTAINER_TRAVERSAL", place)
    if "\\" in name:
        yield found("CONTAINER_BACKSLASH", place)
    if _FORBIDDEN.search(name) or not clean_path(name):
        yield found("CONTAINER_BAD_NAME", place)
    if len(name.encode(errors="surrogatepass")) > limits.max_path_bytes:
        yield found("CONTAINER_PATH_TOO_LONG", place, limit=str(limits.max_path_bytes))
