"""What lines say is put aside as far as they may say it: of their own owner's keys, nothing against a line before.

A journal tells of the copies of its owner's objects; of containers, whosever they are, and of proofs, the platform's
alone (`services.storage.lines.told_of`).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

from services.rebuild.facts import COPY, GONE_ACTIONS, facts_of
from services.rebuild.house import House
from services.rebuild.scratch import Fact
from services.storage.domain.key_names import PLATFORM, NamedAip, NamedContainer, NamedProof, NamedRecord, named_by

WRITES = f"{PLATFORM}/journals/writes/"

Line = Mapping[str, Any]


def facts_about(kind: type, lines: Iterable[Line]) -> Iterator[Fact]:
    """Yield what lines say of copies of objects of one kind; what is malformed says nothing."""
    for line in lines:
        try:
            facts = list(facts_of([line]))
        except (ValueError, KeyError, TypeError):
            continue
        yield from (one for one in facts if one[0].startswith(COPY) and isinstance(named_by(_key(one)), kind))


def note_lines(house: House, owner: UUID | None, lines: Iterable[Line]) -> None:
    """Put aside what the lines of a container say; a line that may not say it is named, and says nothing."""
    facts: list[Fact] = []
    for line in lines:
        try:
            facts += facts_of([line])
        except (ValueError, KeyError, TypeError) as error:
            house.report.fault(
                "line_unusable", f"{line['journal']} {line['number']}", f"{type(error).__name__}: {error}"
            )
    house.scratch.note(one for one in facts if not one[0].startswith(COPY))
    _note_copies(house, owner, [one for one in facts if one[0].startswith(COPY)])


def _note_copies(house: House, owner: UUID | None, facts: Iterable[Fact]) -> None:
    facts = list(facts)
    known = house.scratch.about({about for about, _, _ in facts})
    kept = []
    for fact in facts:
        about, site, said = fact
        if not _may_speak(owner, named_by(_key(fact))):
            house.report.fault(
                "line_contradicts", _key(fact), f"a line of the journal of {owner or PLATFORM} says so"
            )
        elif _contradicts(known[about], site, said):
            house.report.fault(
                "line_contradicts", _key(fact), f"a later line says otherwise: {said['action']} on {site}"
            )
        else:
            known[about][site] = dict(said)
            kept.append(fact)
    house.scratch.note(kept)


def _may_speak(owner: UUID | None, named: object) -> bool:
    match named:
        case NamedContainer() | NamedProof():
            return owner is None
        case NamedRecord():
            return owner == named.owner
        case NamedAip():
            return owner == named.establishment
    return False


def _contradicts(before: Mapping[str, Line], site: str, said: Line) -> bool:
    """Say whether another line gives the key other bytes, or says that they went: nothing comes back under a key."""
    facts = (said["details"]["sha512"], said["details"]["size"])
    if any((one["details"]["sha512"], one["details"]["size"]) != facts for one in before.values()):
        return True
    here = before.get(site)
    return here is not None and here["action"] in GONE_ACTIONS and said["action"] not in GONE_ACTIONS


def _key(fact: Fact) -> str:
    return fact[0].removeprefix(COPY)
