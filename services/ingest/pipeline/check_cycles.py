"""No unit is its own ancestor."""

from collections.abc import Iterator, Mapping

from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding
from services.ingest.pipeline.sip import Sip

_SHOWN = 12


def check_cycles(sip: Sip) -> list[Finding]:
    """Report each loop once, at the first of its units that a walk from the top meets."""
    units = {unit.id: unit for unit in sip.manifest.units}
    children = {unit.id: unit.children for unit in sip.manifest.units}
    return [
        found("REFERENCE_CYCLE", sip.place(units[loop[0]]), path=_shown(loop))
        for loop in _loops(children, sip.manifest.roots)
    ]


def _shown(loop: list[str]) -> str:
    return " → ".join([*loop[:_SHOWN], *(["…"] if len(loop) > _SHOWN else []), loop[0]])


def _loops(children: Mapping[str, tuple[str, ...]], roots: tuple[str, ...]) -> Iterator[list[str]]:
    """Walk depth first without recursion: trees may be deeper than Python's stack."""
    done: set[str] = set()
    for start in (*roots, *children):
        if start not in done:
            yield from _loops_from(start, children, done)


def _loops_from(start: str, children: Mapping[str, tuple[str, ...]], done: set[str]) -> Iterator[list[str]]:
    path = {start: None}
    pending = [iter(children[start])]
    while pending:
        child = next((c for c in pending[-1] if c in children and c not in done), None)
        if child is None:
            done.add(path.popitem()[0])
            pending.pop()
        elif child in path:
            walked = list(path)
            yield walked[walked.index(child) :]
        else:
            path[child] = None
            pending.append(iter(children[child]))
