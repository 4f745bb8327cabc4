"""Catalogues of AIPs as ingest writes them and storage announces them: valid unless told otherwise."""

import hashlib
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias, cast
from uuid import UUID, uuid5

from shared.identifiers import new_id
from shared.messages.ingest import MemberV1
from shared.messages.storage import AipStoredV1, ReceiptV1

STORED_AT = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)
Fetch: TypeAlias = Callable[[AipStoredV1], AbstractAsyncContextManager[AsyncIterator[bytes]]]
SHA512 = hashlib.sha512(b"%PDF").hexdigest()


def a_unit(xml_id: str, title: str = "Délibération", **fields: object) -> dict[str, Any]:
    """Describe a unit; `parents` and `objects` are XML ids here, `a_catalogue` turns them into ours."""
    content: dict[str, object] = {"DescriptionLevel": "Item", "Title": title}
    content |= cast("dict[str, object]", fields.pop("content", {}))
    return {
        "type": "unit",
        "xml_id": xml_id,
        "parents": [],
        "level": "Item",
        "title": title,
        "description": None,
        "start_date": None,
        "end_date": None,
        "profile": None,
        "rules": [],
        "objects": [],
        "content": content,
    } | fields


def an_object(xml_id: str, filename: str = "deliberation.pdf", **fields: object) -> dict[str, Any]:
    """Describe a binary data object."""
    return {
        "type": "object",
        "xml_id": xml_id,
        "kind": "binary",
        "group": None,
        "xml_group": None,
        "usage": "BinaryMaster_1",
        "physical_id": None,
        "filename": filename,
        "path": f"representations/original/data/Content/{xml_id}.pdf",
        "size": 4,
        "sha512": SHA512,
        "offset": 5120,
        "declared": {"algorithm": "SHA-512", "digest": SHA512, "size": 4, "format_id": None, "mime": None},
        "format": {"puid": "fmt/18", "name": "Acrobat PDF 1.4", "mime": "application/pdf"},
    } | fields


@dataclass(frozen=True)
class Catalogue:
    """The bytes of a catalogue, what storage says of its AIP, and how to find its units' identifiers."""

    message: AipStoredV1
    content: bytes

    def unit_id(self, xml_id: str) -> UUID:
        return uuid5(self.message.aip_id, f"unit:{xml_id}")

    def object_id(self, xml_id: str) -> UUID:
        return uuid5(self.message.aip_id, f"object:{xml_id}")

    def fetch(self, chunk: int = 1000) -> Fetch:
        """Give the bytes as storage would, in chunks that respect no line."""

        @asynccontextmanager
        async def opened(_message: AipStoredV1) -> AsyncIterator[AsyncIterator[bytes]]:
            yield _cut(self.content, chunk)

        return opened


async def _cut(content: bytes, chunk: int) -> AsyncIterator[bytes]:
    for start in range(0, len(content), chunk):
        yield content[start : start + chunk]


def a_catalogue(
    units: Iterable[dict[str, Any]] = (),
    objects: Iterable[dict[str, Any]] = (),
    *,
    establishment: UUID | None = None,
    aip_id: UUID | None = None,
    version: int = 1,
    **head: object,
) -> Catalogue:
    """Write a catalogue and the message that tells of it; one unit when none is given."""
    aip, place = aip_id or new_id(), establishment or new_id()
    entries = [*(list(units) or [a_unit("u1")])]
    held = list(objects)
    first = {
        "type": "aip",
        "format": "chartrier-catalogue",
        "version": 1,
        "aip_id": str(aip),
        "establishment": str(place),
        "transfer_id": str(uuid5(aip, "transfer")),
        "rules": [],
        "roots": [str(uuid5(aip, f"unit:{unit['xml_id']}")) for unit in entries if not unit["parents"]],
        "counts": {"units": len(entries), "objects": len(held), "files": len(held), "bytes": 4 * len(held)},
    } | head
    lines = [first, *(_ours(aip, entry) for entry in (*entries, *held))]
    text = "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)
    content = text.encode()
    return Catalogue(_stored(aip, place, version, content), content)


def _ours(aip: UUID, entry: dict[str, Any]) -> dict[str, Any]:
    ours: dict[str, Any] = {"id": str(uuid5(aip, f"{entry['type']}:{entry['xml_id']}"))}
    if entry["type"] == "unit":
        ours["parents"] = [str(uuid5(aip, f"unit:{xml_id}")) for xml_id in entry["parents"]]
        ours["objects"] = [str(uuid5(aip, f"object:{xml_id}")) for xml_id in entry["objects"]]
    return entry | ours


def _stored(aip: UUID, establishment: UUID, version: int, content: bytes) -> AipStoredV1:
    digest = hashlib.sha512(content).hexdigest()
    receipt = ReceiptV1(
        site="site-a", place="Aix-en-Provence", key="k", version_id=None, sha512=SHA512, verified_at=STORED_AT
    )
    return AipStoredV1(
        aip_id=aip,
        transfer_id=uuid5(aip, "transfer"),
        establishment=establishment,
        version=version,
        sha512=SHA512,
        size=10_240,
        receipts=(receipt,),
        catalogue=MemberV1(offset=2048, length=len(content), sha512=digest),
    )
