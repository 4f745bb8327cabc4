"""METS of the new version: what went is no longer listed, and what was written anew has its new size and digest.

METS 1.12, E-ARK CSIP 2.1. The header keeps its CREATEDATE; LASTMODDATE, RECORDSTATUS and an altRecordID tell that it
is another version.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import quote, unquote
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from services.storage.domain.rewriting import RewritePlan
from services.storage.pipeline.rewriting.layout import SUBMISSION, Listed
from services.storage.pipeline.rewriting.splicing import Splicer

_HREF: Final = "http://www.w3.org/1999/xlink href"
_VERSION: Final = "AIP version"


def listed(chunks: Iterable[bytes]) -> Iterator[Listed]:
    """Yield every member that METS lists, in its order; the manifest may be listed twice.

    Raises `KeyError` and `ValueError` for what is not our METS, `xml.parsers.expat.ExpatError` for what is not XML.
    """
    found: list[Listed] = []
    fixity: dict[str, str] = {}

    def start(name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(" ")[2]
        if local == "file":
            fixity.clear()
            fixity.update(attributes)
        elif local in {"mdRef", "FLocat"}:
            known = fixity if local == "FLocat" else {**attributes, "ID": ""}
            found.append(
                Listed(known["ID"], unquote(attributes[_HREF]), int(known["SIZE"]), bytes.fromhex(known["CHECKSUM"]))
            )

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = start
    for chunk in chunks:
        parser.Parse(chunk)
        yield from found
        found.clear()
    parser.Parse(b"", True)  # noqa: FBT003 - expat takes it by position
    yield from found


class MetsEditor:
    """Brings METS up to date."""

    def __init__(self, plan: RewritePlan, members: Mapping[str, Listed], files: Iterable[Listed]) -> None:
        """`members`: the documents written anew, by name, as they are now; `files`: those of METS that stay."""
        self._plan = plan
        self._members = members
        self._files = {file.id: file.name for file in files}
        self._group = ""
        self._is_empty = True

    def start(self, splicer: Splicer, name: str, attributes: Mapping[str, str]) -> None:
        """Look at the header, a reference or a file."""
        local = name.rpartition(" ")[2]
        if local == "metsHdr":
            splicer.retag(_set(splicer.tag(), {"LASTMODDATE": self._plan.planned_at, "RECORDSTATUS": "REVISED"}))
        elif local == "mdRef":
            self._renew(splicer, unquote(attributes[_HREF]))
        elif local == "fileGrp":
            self._group, self._is_empty = attributes["ID"], True
        elif (local == "file" and attributes["ID"] not in self._files) or attributes.get("TYPE") == _VERSION:
            splicer.cut()
        elif local == "file":
            self._is_empty = False
            self._renew(splicer, self._files[attributes["ID"]])

    def end(self, splicer: Splicer, name: str) -> None:
        """Go on behind what went; give the number of the version, and a file to a group that has none left."""
        local = name.rpartition(" ")[2]
        if splicer.is_cutting and local in {"file", "altRecordID"}:
            splicer.mend()
        elif local == "metsHdr":
            splicer.insert(f'<altRecordID TYPE="{_VERSION}">{self._plan.version}</altRecordID>'.encode())
        elif local == "fileGrp" and self._is_empty:
            # CSIP66 wants a file in each group: as where all objects are physical, the manifest is shown.
            splicer.insert(_file(f"{self._group}-manifest", self._members[SUBMISSION], self._plan))

    def _renew(self, splicer: Splicer, name: str) -> None:
        if (member := self._members.get(name)) is not None:
            splicer.retag(_set(splicer.tag(), _fixity(member, self._plan)))


def _fixity(member: Listed, plan: RewritePlan) -> dict[str, str]:
    return {"SIZE": str(member.size), "CREATED": plan.planned_at, "CHECKSUM": member.sha512.hex()}


def _file(identifier: str, member: Listed, plan: RewritePlan) -> bytes:
    fixity = {"MIMETYPE": "application/xml", **_fixity(member, plan), "CHECKSUMTYPE": "SHA-512"}
    attributes = "".join(f" {name}={quoteattr(value)}" for name, value in fixity.items())
    return (
        f'<file ID="{identifier}"{attributes}><FLocat xmlns:xlink="http://www.w3.org/1999/xlink" LOCTYPE="URL"'
        f' xlink:type="simple" xlink:href="{quote(member.name)}"/></file>'
    ).encode()


def _set(tag: bytes, attributes: Mapping[str, str]) -> bytes:
    """Return a start tag of ours with these attributes, in their old places where they had one."""
    for name, value in attributes.items():
        new = f" {name}={quoteattr(value)}".encode()
        old = re.search(rb'\s%s="[^"]*"' % name.encode(), tag)
        end = len(tag) - (2 if tag.endswith(b"/>") else 1)
        before, behind = (end, end) if old is None else old.span()
        tag = tag[:before] + new + tag[behind:]
    return tag
