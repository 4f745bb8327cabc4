"""An attestation as a page: PDF/A-2b (ISO 19005-2), set by typst from a template and facts.

Templates are data: what a lawyer has to say of a wording is changed there, and nowhere else. Fonts are those that
typst brings: the same page everywhere.
"""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import typst

TEMPLATES: Final = Path(__file__).parent / "templates"


async def rendered(kind: str, facts: Mapping[str, Any], at: datetime) -> bytes:
    """Return the page of a kind of attestation; `at` is the moment that it bears. The same gives the same bytes.

    In a thread: a page takes a tenth of a second, and nobody else waits for it.
    """
    return await asyncio.to_thread(_rendered, kind, facts, at)


def _rendered(kind: str, facts: Mapping[str, Any], at: datetime) -> bytes:
    moment = at.astimezone(UTC)
    page: bytes = typst.compile(
        str(TEMPLATES / f"{kind}.typ"),
        root=str(TEMPLATES),
        ignore_system_fonts=True,
        format="pdf",
        sys_inputs={"facts": json.dumps(facts, ensure_ascii=False)},
        pdf_standards="a-2b",
        timestamp=int(moment.timestamp()),
    )
    return page
