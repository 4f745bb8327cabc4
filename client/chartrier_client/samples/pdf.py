"""Write a minimal PDF 1.7 of text: one standard font, accented French, as many pages as needed."""

import re
from dataclasses import dataclass
from datetime import datetime
from hashlib import md5

# A4 in points, and a layout that reads like an official paper.
WIDTH, HEIGHT, MARGIN = 595, 842, 64
LEADING, BODY_SIZE, TITLE_SIZE = 16, 11, 15
COLUMNS = 84
LINES_PER_PAGE = 40
# French puts a space before these, at which no line may break.
FRENCH_MARKS = re.compile(" ([;:?!€»])")


@dataclass(frozen=True, slots=True)
class Paper:
    """What the document says; paragraphs are wrapped, an empty one leaves a blank line."""

    title: str
    author: str
    paragraphs: tuple[str, ...]
    date: datetime


def write_pdf(paper: Paper) -> bytes:
    """Return the bytes of the document: a function of `paper` alone (ISO 32000-1, no compression)."""
    lines = [line for paragraph in paper.paragraphs for line in _wrapped(paragraph)]
    pages = [lines[start : start + LINES_PER_PAGE] for start in range(0, len(lines), LINES_PER_PAGE)] or [[]]
    kids = " ".join(f"{5 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /Lang (fr-FR) >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        _information(paper),
    ]
    for number, page in enumerate(pages):
        objects.append(_page(6 + 2 * number))
        objects.append(_stream(_drawn(paper.title if number == 0 else None, page)))
    return _file(objects)


def _wrapped(paragraph: str) -> list[str]:
    lines = [""]
    for word in FRENCH_MARKS.sub("\u00a0\\1", paragraph).split(" "):
        if len(lines[-1]) + len(word) >= COLUMNS:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return [*lines, ""] if lines != [""] else lines


def _information(paper: Paper) -> bytes:
    moment = paper.date.strftime("D:%Y%m%d%H%M%SZ")
    return (
        f"<< /Title {_text(paper.title)} /Author {_text(paper.author)}"
        f" /Producer (chartrier-client) /CreationDate ({moment}) /ModDate ({moment}) >>"
    ).encode("ascii")


def _text(text: str) -> str:
    """Outside page content, text is UTF-16 with a byte order mark; hexadecimal needs no escape."""
    return f"<FEFF{text.encode('utf-16-be').hex().upper()}>"


def _page(content: int) -> bytes:
    return (
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {WIDTH} {HEIGHT}]"
        f" /Resources << /Font << /F1 3 0 R >> >> /Contents {content} 0 R >>"
    ).encode("ascii")


def _drawn(title: str | None, lines: list[str]) -> bytes:
    steps = [b"BT", f"{MARGIN} {HEIGHT - MARGIN} Td {LEADING} TL".encode("ascii")]
    if title is not None:
        steps.append(f"/F1 {TITLE_SIZE} Tf".encode("ascii"))
        steps.extend(_shown(line) for line in _wrapped(title))
    steps.append(f"/F1 {BODY_SIZE} Tf".encode("ascii"))
    steps.extend(_shown(line) for line in lines)
    return b"\n".join([*steps, b"ET"])


def _shown(line: str) -> bytes:
    encoded = line.encode("cp1252", errors="replace")
    for special in (b"\\", b"(", b")"):
        encoded = encoded.replace(special, b"\\" + special)
    return b"(" + encoded + b") Tj T*"


def _stream(content: bytes) -> bytes:
    return b"<< /Length %d >>\nstream\n%b\nendstream" % (len(content), content)


def _file(objects: list[bytes]) -> bytes:
    # The comment of four high bytes tells transfer tools that the file is binary (ISO 32000-1, 7.5.2).
    out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    start = len(out)
    identifier = md5(out, usedforsecurity=False).hexdigest().upper()
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = f"/Size {len(objects) + 1} /Root 1 0 R /Info 4 0 R /ID [<{identifier}> <{identifier}>]"
    out += f"trailer\n<< {trailer} >>\n".encode("ascii")
    out += b"startxref\n%d\n%%%%EOF\n" % start
    return bytes(out)
