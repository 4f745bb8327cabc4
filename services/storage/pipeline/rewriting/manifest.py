"""The SEDA message of the new version: what went leaves an empty element with a mark, all else is byte for byte.

Of an ArchiveUnit, a BinaryDataObject, a PhysicalDataObject, or a DataObjectGroup of which no object is left, there
remains::

    <ArchiveUnit xmlns="…" id="purged-<its identifier in the catalogue>"><?chartrier-purged order="…" at="…"?>

with what is left of those below it, and the end tag. References to it name that identifier. A signature of the
message that covers what went no longer proves anything: the digest of the message as it was is in PREMIS.
"""

from collections.abc import Mapping
from typing import Final

from services.storage.domain.rewriting import RewritePlan
from services.storage.pipeline.rewriting.catalogue import REFERENCES
from services.storage.pipeline.rewriting.splicing import Splicer

_MARKED: Final = frozenset({"ArchiveUnit", "BinaryDataObject", "PhysicalDataObject", "DataObjectGroup"})
# Two spellings: SEDA 2.0 names the group in the object itself.
_TEXTS: Final = REFERENCES | {"DataObjectGroupId"}


class ManifestEditor:
    """Takes out what a scope marks."""

    def __init__(self, marks: Mapping[str, str], plan: RewritePlan) -> None:
        self._marks = marks
        self._mark = f'<?chartrier-purged order="{plan.order_id}" at="{plan.planned_at}"?>'
        self.found: set[str] = set()
        self._open: list[bool] = []  # of the marked kinds around here, inside the outermost that goes: which goes

    def start(self, splicer: Splicer, name: str, attributes: Mapping[str, str]) -> None:
        """Cut out an element that goes, and what is in it."""
        namespace, _, local = name.rpartition(" ")
        mark = self._marks.get(attributes.get("id", "")) if local in _MARKED else None
        if local in _MARKED and (self._open or mark is not None):
            self._open.append(mark is not None)
            if mark is not None:
                self.found.add(mark)
                splicer.cut()
                splicer.write(f'<{local} xmlns="{namespace}" id="{mark}">{self._mark}'.encode("ascii"))
        elif self._open or splicer.is_cutting:
            return
        elif local in _TEXTS:
            splicer.hold()
        elif local == "Relationship" and attributes.get("target") in self._marks:
            splicer.cut()

    def end(self, splicer: Splicer, name: str) -> None:
        """Go on behind an element that went."""
        namespace, _, local = name.rpartition(" ")
        if self._open:
            if local in _MARKED and self._open.pop():
                splicer.write(f"</{local}>".encode("ascii"))
                if not self._open:
                    splicer.mend()
        elif splicer.is_cutting:
            if local == "Relationship":
                splicer.write(self._mark.encode("ascii"))
                splicer.mend()
        elif local in _TEXTS:
            mark = self._marks.get(splicer.release().strip())
            if mark is not None:
                splicer.replace_held(f'<{local} xmlns="{namespace}">{mark}</{local}>'.encode("ascii"))
