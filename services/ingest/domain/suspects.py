"""What is kept of a refused manifest for its refusal to be explained elsewhere: plain values, bounded."""

from dataclasses import dataclass

from services.ingest.domain.findings import Finding


@dataclass(frozen=True, slots=True)
class Extract:
    """The element at fault, and of all that is around it what the grammar looks at.

    `path` names it (``/ArchiveTransfer/…/ArchiveUnit[3]/Content/StartDate``). `xml` is a small document in which it
    is the last element that lies `depth` elements below the root. There its ancestors stand alone, the elements that
    come before it and those within it are empty. `xml` is empty where even that would be too large.
    """

    path: str
    xml: bytes = b""
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Suspect:
    """A refusal as libxml2 tells it (`finding`), by a grammar of `version`, and the extract it is explained from."""

    finding: Finding
    version: str
    extract: Extract
