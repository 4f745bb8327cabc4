"""The register of deliberations: sessions of the council, each act with its annexes and its receipt."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import groupby
from typing import Any

from chartrier_client.description import Keyword, Level, Rule, SourceFile, Unit
from chartrier_client.language import Text
from chartrier_client.municipal.acts import DELIBERATION, NATURES, Act
from chartrier_client.municipal.fields import french_day
from chartrier_client.municipal.prepared import Parties, PreparedSip
from chartrier_client.municipal.refusal import FlowError
from chartrier_client.municipal.template import FlowTemplate
from chartrier_client.sip import SipBuilder


def register(acts: Sequence[Act], parties: Parties, template: FlowTemplate) -> PreparedSip:
    """Prepare one package of one or more sessions: a unit of level File a day, an item an act, annexes below.

    It is known by its first and last days and by which acts it holds, whatever their order.
    Acts are kept for ever, and communicable at once but for those that the template says are about a person.
    """
    _refuse_twice(acts)
    first, last = min(act.day for act in acts), max(act.day for act in acts)
    years = f"{first.year}" if first.year == last.year else f"{first.year}-{last.year}"
    identifier = f"ACTES-{parties.transferring_agency}-{first.isoformat()}-{last.isoformat()}-{_which(acts)}"
    builder = parties.builder(identifier)
    root = builder.add_unit(
        Unit(f"Registre des délibérations, {years}", Level.RECORD_GROUP, start_date=first, end_date=last)
    )
    for day, of_the_day in groupby(sorted(acts, key=lambda act: act.day), key=lambda act: act.day):
        session = tuple(of_the_day)
        unit = builder.add_unit(
            Unit(f"{_gathering(session)} du {french_day(day)}", Level.FILE, start_date=day, end_date=day), root
        )
        for act in session:
            _add_act(builder, act, unit, template)
    return PreparedSip(identifier, builder)


def _refuse_twice(acts: Iterable[Act]) -> None:
    numbers: set[str] = set()
    for act in acts:
        if act.number in numbers:
            twice = Text(f"le numéro {act.number} revient deux fois", f"the number {act.number} comes twice")
            raise FlowError("registre", [twice])
        numbers.add(act.number)
    if not numbers:
        raise FlowError("registre", [Text("aucun acte", "no act")])


def _which(acts: Iterable[Act]) -> str:
    # Two registers of the same days, deliberations and orders, are two messages.
    listed = sorted(f"{act.day.isoformat()} {act.nature} {act.number}" for act in acts)
    return sha256("\n".join(listed).encode()).hexdigest()[:12]


def _gathering(session: Iterable[Act]) -> str:
    deliberated = any(act.nature == DELIBERATION for act in session)
    return "Séance du conseil municipal" if deliberated else "Actes"


def _add_act(builder: SipBuilder, act: Act, parent: str, template: FlowTemplate) -> None:
    unit = builder.add_unit(_unit(act, template), parent)
    builder.add_file(unit, SourceFile(act.document.name, act.document))
    for number, annex in enumerate(act.annexes, start=1):
        item = builder.add_unit(Unit(f"Annexe {number} : {annex.stem}", Level.ITEM), unit)
        builder.add_file(item, SourceFile(annex.name, annex))


def _unit(act: Act, template: FlowTemplate) -> Unit:
    receipt = f" Accusé de réception : {act.receipt}." if act.receipt else ""
    return Unit(
        f"{NATURES[act.nature]} n° {act.number} : {act.subject}",
        Level.ITEM,
        description=f"Nature {act.nature}, matière {act.matter}.{receipt}",
        identifier=act.number,
        document_type=NATURES[act.nature],
        start_date=act.day,
        end_date=act.day,
        keywords=(Keyword("conseil municipal", "corpname"),) if act.nature == DELIBERATION else (),
        rules=(template.rule("register", act.day), _access(act, template)),
    )


def _access(act: Act, template: FlowTemplate) -> Rule:
    private = any(_is_of(act, kind) for kind in template.more.get("private", ()))
    return template.rule("privacy" if private else "access", act.day)


def _is_of(act: Act, kind: dict[str, Any]) -> bool:
    return act.nature == kind.get("nature") and f"{act.matter}.".startswith(f"{kind.get('matter')}.")
