"""The SEDA message of the new version: what went leaves an empty element with a mark, all else is byte for byte.

Of an ArchiveUnit, a BinaryDataObject, a PhysicalDataObject, or a DataObjectGroup of which no object is left, there
remains::

    <ArchiveUnit xmlns="…" id="purged-<its identifier in the catalogue>"><?chartrier-purged order="…" at="…"?>

with what is left of those below it, and the end tag. References to it name that identifier; an ArchiveUnit that only
refers to one that went goes with it. Comments and processing instructions go too, wherever they stand: they are no
part of what SEDA describes, and one beside an element that went, or in the header, may tell of it. A signature of
the message that covers what went no longer proves anything: the digest of the message as it was is in PREMIS.
"""

import re
from collections.abc import Mapping
from typing import Final
from uuid import uuid5

from services.storage.domain.rewriting import RewritePlan
from services.storage.pipeline.rewriting.catalogue import REFERENCES
from services.storage.pipeline.rewriting.scope import Scope, mark
from services.storage.pipeline.rewriting.splicing import Splicer

_MARKED: Final = frozenset({"ArchiveUnit", "BinaryDataObject", "PhysicalDataObject", "DataObjectGroup"})
# Objects name their group by itself too, where there is no element for it.
_TEXTS: Final = REFERENCES | {"DataObjectGroupId"}
_MARK: Final = "chartrier-purged"
_OURS: Final = re.compile(r'order="[0-9a-f-]{36}" at="[0-9TZ:.+-]{1,40}"')


def keeps_aside(target: str, text: str) -> bool:
    """Say whether a comment (no target) or a processing instruction stays: only a mark, as a purge leaves it."""
    return target == _MARK and _OURS.fullmatch(text) is not None


class ManifestEditor:
    """Takes out what a scope marks; `found` is what it has taken out."""

    def __init__(self, scope: Scope, plan: RewritePlan) -> None:
        self._scope = scope
        self._plan = plan
        self._mark = f'<?{_MARK} order="{plan.order_id}" at="{plan.planned_at}"?>'
        self.found: set[str] = set()
        self._open: list[bool] = []  # of the marked kinds around here, inside the outermost that goes: which goes
        self._within = 0  # how deep we are in an element whose text is waited for
        self._alias = ""

    def start(self, splicer: Splicer, name: str, attributes: Mapping[str, str]) -> None:
        """Cut out an element that goes, and what is in it; wait for what is in one that may refer to it."""
        local = name.rpartition(" ")[2]
        identifier = attributes.get("id", "")
        if self._within:
            self._within += 1
        elif local in _MARKED and (self._open or identifier in self._scope.marks):
            self._cut(splicer, name, self._scope.marks.get(identifier))
        elif self._open or splicer.is_cutting:
            return
        elif local in _TEXTS or (local == "ArchiveUnit" and identifier not in self._scope.kept_names):
            # A unit that the catalogue does not know is another name of one, or what an earlier purge has left.
            self._within, self._alias = 1, identifier
            splicer.hold()
        elif local == "Relationship" and attributes.get("target") in self._scope.marks:
            splicer.cut()

    def _cut(self, splicer: Splicer, name: str, left: str | None) -> None:
        self._open.append(left is not None)
        if left is not None:
            self.found.add(left)
            splicer.cut()
            splicer.write(self._left(name, left))

    def _left(self, name: str, identifier: str) -> bytes:
        namespace, _, local = name.rpartition(" ")
        return f'<{local} xmlns="{namespace}" id="{identifier}">{self._mark}'.encode("ascii")

    def end(self, splicer: Splicer, name: str) -> None:
        """Go on behind an element that went."""
        local = name.rpartition(" ")[2]
        if self._within:
            self._within -= 1
            if not self._within:
                self._judge(splicer, name, self._scope.marks.get(splicer.release().strip()))
        elif self._open:
            if local in _MARKED and self._open.pop():
                splicer.write(f"</{local}>".encode("ascii"))
                if not self._open:
                    splicer.mend()
        elif splicer.is_cutting and local == "Relationship":
            splicer.write(self._mark.encode("ascii"))
            splicer.mend()

    def _judge(self, splicer: Splicer, name: str, left: str | None) -> None:
        """Write an element that was waited for otherwise, if it refers to something that goes."""
        namespace, _, local = name.rpartition(" ")
        if left is not None and local == "ArchiveUnit":
            alias = mark(str(uuid5(self._plan.aip_id, f"unit:{self._alias}")))
            splicer.replace_held(self._left(name, alias) + b"</ArchiveUnit>")
        elif left is not None:
            splicer.replace_held(f'<{local} xmlns="{namespace}">{left}</{local}>'.encode("ascii"))
