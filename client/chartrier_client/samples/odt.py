"""Write a minimal OpenDocument text (ODF 1.2, part 3: packages)."""

import zipfile
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from xml.sax.saxutils import escape

MIME = "application/vnd.oasis.opendocument.text"
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
NAMESPACES = " ".join(
    (
        'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"',
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"',
        'xmlns:meta="urn:oasis:names:tc:opendocument:xmlns:meta:1.0"',
        'xmlns:dc="http://purl.org/dc/elements/1.1/"',
    )
)
MANIFEST_NAMESPACE = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"


@dataclass(frozen=True, slots=True)
class Letter:
    """What the document says: a heading, then paragraphs."""

    title: str
    author: str
    paragraphs: tuple[str, ...]
    date: datetime


def write_odt(letter: Letter) -> bytes:
    """Return the bytes of the document: a function of `letter` alone."""
    parts = {
        "content.xml": _content(letter),
        "styles.xml": _document("document-styles", "<office:styles/>"),
        "meta.xml": _metadata(letter),
    }
    parts["META-INF/manifest.xml"] = _manifest(list(parts))
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        # First and uncompressed: readers find the media type at a fixed place (ODF 1.2, 3-3.3).
        package.writestr(_entry("mimetype", letter.date), MIME)
        for name, text in parts.items():
            package.writestr(_entry(name, letter.date), text.encode())
    return out.getvalue()


def _entry(name: str, date: datetime) -> zipfile.ZipInfo:
    # Nothing is compressed: compressed bytes would depend on the machine's library.
    entry = zipfile.ZipInfo(name, date.timetuple()[:6])
    entry.compress_type = zipfile.ZIP_STORED
    entry.create_system = 3  # the same bytes on every system
    entry.external_attr = 0o644 << 16
    return entry


def _document(kind: str, body: str) -> str:
    return f'{DECLARATION}<office:{kind} {NAMESPACES} office:version="1.2">{body}</office:{kind}>\n'


def _content(letter: Letter) -> str:
    title = f'<text:h text:outline-level="1">{escape(letter.title)}</text:h>'
    paragraphs = "".join(f"<text:p>{escape(paragraph)}</text:p>" for paragraph in letter.paragraphs)
    return _document("document-content", f"<office:body><office:text>{title}{paragraphs}</office:text></office:body>")


def _metadata(letter: Letter) -> str:
    moment = letter.date.strftime("%Y-%m-%dT%H:%M:%S")
    return _document(
        "document-meta",
        "<office:meta><meta:generator>chartrier-client</meta:generator>"
        f"<dc:title>{escape(letter.title)}</dc:title><dc:creator>{escape(letter.author)}</dc:creator>"
        f"<meta:creation-date>{moment}</meta:creation-date><dc:language>fr-FR</dc:language></office:meta>",
    )


def _manifest(names: list[str]) -> str:
    entries = "".join(
        f'<manifest:file-entry manifest:full-path="{path}" manifest:media-type="{kind}"/>'
        for path, kind in [("/", MIME), *((name, "text/xml") for name in names)]
    )
    return (
        f'{DECLARATION}<manifest:manifest xmlns:manifest="{MANIFEST_NAMESPACE}" manifest:version="1.2">'
        f"{entries}</manifest:manifest>\n"
    )
