"""No unit is its own ancestor, and what only refers to another unit ends at one."""

from collections.abc import Iterator, Mapping, Sequence

from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding
from services.ingest.pipeline.sip import Sip

_SHOWN = 12


def check_cycles(sip: Sip) -> Iterator[Finding]:
    """Report each loop once, at the first of its units that a walk from the top meets."""
    manifest = sip.manifest
    units = {unit.id: unit for unit in manifest.units}
    children: dict[str, Sequence[str]] = {unit.id: unit.children for unit in manifest.units}
    # An ArchiveUnit that only refers to another is none of the units: those of a loop never become one.
    wrappers = {
        reference.source: reference
        for reference in manifest.references
        if reference.element == "ArchiveUnitRefId" and reference.source and reference.source not in units
    }
    children |= {source: (reference.target,) for source, reference in wrappers.items()}
    for loop in _loops(children, manifest.roots):
        first = loop[0]
        place = sip.place(units[first]) if first in units else sip.at(wrappers[first].line, first)
        yield found("REFERENCE_CYCLE", place, path=_shown(loop))


def _shown(loop: Sequence[str]) -> str:
    return " → ".join([*loop[:_SHOWN], *(["…"] if len(loop) > _SHOWN else []), loop[0]])


def _loops(children: Mapping[str, Sequence[str]], roots: Sequence[str]) -> Iterator[Sequence[str]]:
    """Walk depth first without recursion: trees may be deeper than Python's stack."""
    done: set[str] = set()
    for start in (*roots, *children):
        if start not in done:
            yield from _loops_from(start, children, done)


def _loops_from(start: str, children: Mapping[str, Sequence[str]], done: set[str]) -> Iterator[Sequence[str]]:
    """Yield the beginning of each loop, as much of it as is shown: there may be as many as units, as long."""
    walked, depth = [start], {start: 0}
    pending = [iter(children[start])]
    while pending:
        child = next((c for c in pending[-1] if c in children and c not in done), None)
        if child is None:
            ended = walked.pop()
            del depth[ended]
            done.add(ended)
            pending.pop()
        elif child in depth:
            yield walked[depth[child] : depth[child] + _SHOWN + 1]
        else:
            depth[child] = len(walked)
            walked.append(child)
            pending.append(iter(children[child]))
