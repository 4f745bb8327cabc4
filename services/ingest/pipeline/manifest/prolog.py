"""What stands before the root element: encoding and DOCTYPE, judged before libxml2 sees a byte.

libxml2 lifts its guards against entity bombs for documents of any length, so no entity may be declared at all.
"""

import codecs
import re

from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding

HEAD = 64 * 1024
NO_ROOT = {
    "reason": "no root element near the beginning",
    "reason_fr": "il ne commence pas par une balise",
}

# ASCII-compatible ones, in which "<!DOCTYPE" can only be written one way; UTF-16 goes by its mark.
_ENCODINGS = frozenset({"utf-8", "us-ascii", "ascii", "iso-8859-1", "iso-8859-15", "windows-1252", "utf-16"})
_DECLARED = re.compile(r"""\A<\?xml\b[^>]*?\bencoding\s*=\s*["']([^"']*)["']""")
_PASSED_OVER = re.compile(r"[ \t\r\n]+|<!--.*?-->|<\?.*?\?>", re.DOTALL)


def prolog_fault(head: bytes, place: str) -> Finding | None:
    """Say why a manifest that begins by `head` (its first `HEAD` bytes) may not be parsed, or None."""
    text = _decoded(head)
    declared = _DECLARED.match(text) if text is not None else None
    if text is None or (declared and declared[1].lower() not in _ENCODINGS):
        return found("MANIFEST_ENCODING", place, encoding=declared[1][:40] if declared else "?")
    position = 0
    while passed := _PASSED_OVER.match(text, position):
        position = passed.end()
    if text.startswith("<!DOCTYPE", position):
        return found("MANIFEST_DOCTYPE", f"{place}:{text.count(chr(10), 0, position) + 1}")
    # Anything but “<” may still be markup to libxml2, which knows encodings that we do not (EBCDIC).
    if not text.startswith("<", position) or text.startswith(("<!", "<?"), position):
        return found("MANIFEST_XML", f"{place}:1", **NO_ROOT)
    return None


def _decoded(head: bytes) -> str | None:
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return None
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return head.decode("utf-16", errors="replace")
    if b"\0" in head[:4]:
        return None
    return head.removeprefix(codecs.BOM_UTF8).decode("latin-1")
