"""Pages for people: self-contained HTML, no script, nothing fetched from anywhere, every text escaped."""

import base64
import hashlib
from collections.abc import Iterable
from html import escape
from typing import Final

from fastapi.responses import HTMLResponse

STYLE: Final = """
body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b;background:#fff}
h1{font-size:1.6rem;line-height:1.25}h2{font-size:1.25rem;margin-top:2rem;border-bottom:2px solid #ccc}
h3{font-size:1rem;margin:1.2rem 0 .2rem;overflow-wrap:anywhere}ul{margin:.2rem 0;padding-left:1.2rem}
table{border-collapse:collapse}th{text-align:left;font-weight:normal;color:#555;padding-right:1.5rem;vertical-align:top}
td{overflow-wrap:anywhere}code{font-size:.85rem;color:#555}li p{margin:.2rem 0;overflow-wrap:anywhere}
.error h2{border-color:#b3261e}.warning h2{border-color:#a86200}.info h2{border-color:#31608f}
.lead{font-size:1.1rem}@media print{body{margin:0}}
"""
_POLICY: Final = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    + "'"
)


def element(name: str, text: str, **attributes: str) -> str:
    """Return one element with a text; text and attributes are escaped."""
    return _tag(name, escape(text), attributes)


def block(name: str, content: Iterable[str], **attributes: str) -> str:
    """Return one element around others, which are HTML already."""
    return _tag(name, "\n".join(content), attributes)


def _tag(name: str, inside: str, attributes: dict[str, str]) -> str:
    # `class` is a word of Python's: it is given as `class_`.
    said = "".join(f' {key.rstrip("_")}="{escape(value)}"' for key, value in attributes.items())
    return f"<{name}{said}>{inside}</{name}>"


def table(rows: Iterable[tuple[str, str | None]]) -> str:
    """Return a table of names and values; rows without a value are left out."""
    return block("table", (f"<tr>{element('th', n)}{element('td', v)}</tr>" for n, v in rows if v), class_="facts")


def page(title: str, language: str, content: Iterable[str]) -> str:
    """Return a whole document."""
    head = [
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        element("title", title),
        f"<style>{STYLE}</style>",
    ]
    body = [element("h1", title), *content]
    return f"<!DOCTYPE html>\n{block('html', [block('head', head), block('body', body)], lang=language)}\n"


def shown(document: str, language: str, **headers: str) -> HTMLResponse:
    """Return a page as an answer that a browser may show and nothing in it may act."""
    return HTMLResponse(
        document,
        headers={
            "Content-Language": language,
            "Vary": "Accept, Accept-Language",
            "Content-Security-Policy": _POLICY,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            **headers,
        },
    )
