"""Where a finding is, as a person says it."""

import re
from typing import Final

_IN_MANIFEST: Final = re.compile(r"(?P<file>[\w./-]*manifest\.xml)(?::(?P<line>\d+))?(?: (?P<rest>.+))?", re.DOTALL)
_WHOLE: Final = {
    "container": ("le paquet entier", "the whole package"),
    "decision": ("la décision de l’archiviste", "the archivist’s decision"),
}
_PARTS: Final = {
    "ArchiveTransfer": ("l’en-tête", "the header"),
    "ManagementMetadata": ("les règles communes (ManagementMetadata)", "the common rules (ManagementMetadata)"),
}


def place_in_words(place: str, language: str) -> str:
    """Return the place of a finding in French (``fr``) or English: ``manifest.xml, ligne 51, ID22``.

    A path of the package is its own words.
    """
    at = 0 if language == "fr" else 1
    if place in _WHOLE:
        return _WHOLE[place][at]
    match = _IN_MANIFEST.fullmatch(place)
    if match is None:
        return place
    line = match["line"] and f"{('ligne', 'line')[at]} {match['line']}"
    rest = match["rest"] and (_PARTS[match["rest"]][at] if match["rest"] in _PARTS else match["rest"])
    return ", ".join(part for part in (match["file"], line, rest) if part)


def reading_order(place: str) -> tuple[str, int, str]:
    """Return what places are sorted by: file, then line as a number."""
    match = _IN_MANIFEST.fullmatch(place)
    if match is None:
        return ("" if place in _WHOLE else place, 0, "")
    return (match["file"], int(match["line"] or 0), match["rest"] or "")
