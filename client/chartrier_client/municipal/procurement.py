"""A public contract's papers, phase by phase: what was not retained leaves early, what was carried out stays.

Its folder has a sub-folder a phase, named as the template says; each phase has rules of its own, whose clock starts
at the notification of the contract or at the end of its execution.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from chartrier_client.description import Keyword, Level, Unit
from chartrier_client.language import Text
from chartrier_client.municipal.fields import french_day, missing_faults, siret_fault
from chartrier_client.municipal.filing import add_entries, entries_in, holds_a_file, surveyed
from chartrier_client.municipal.prepared import Parties, PreparedSip
from chartrier_client.municipal.refusal import FlowError, refuse
from chartrier_client.municipal.template import FlowTemplate


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract whose execution is over: notified, then ended by its last payment. `siret` is the buyer's."""

    number: str
    subject: str
    holder: str
    siret: str
    notified: date
    ended: date

    def __post_init__(self) -> None:
        named = {"numero": self.number, "objet": self.subject, "titulaire": self.holder}
        refuse(
            f"marché {self.number}",
            [*missing_faults(named, named), siret_fault("siret", self.siret), _order_fault(self)],
        )


@dataclass(frozen=True, slots=True)
class Phase:
    """What a template says of one sub-folder: the names of its rules, and which day they start."""

    folder: str
    title: str
    starts: str
    rules: tuple[str, ...]


def contract_sip(contract: Contract, folder: Path, parties: Parties, template: FlowTemplate) -> PreparedSip:
    """Prepare the package of a contract's papers; raises `FlowError` for what lies in no phase."""
    left_out = surveyed(folder)
    phases = phases_of(template)
    _refuse_unfiled(folder, phases)
    identifier = f"MARCHE-{contract.siret}-{contract.number}"
    builder = parties.builder(identifier)
    root = builder.add_unit(_unit(contract))
    for phase in phases:
        papers = folder / phase.folder
        if papers.is_dir() and holds_a_file(papers):
            add_entries(builder, builder.add_unit(_phase_unit(contract, phase, template), root), papers)
    return PreparedSip(identifier, builder, left_out)


def phases_of(template: FlowTemplate) -> tuple[Phase, ...]:
    """Return the phases of a template, in its order; raises `FlowError` where one cannot be used."""
    try:
        phases = tuple(
            Phase(told["folder"], told["title"], told["starts"], tuple(told["rules"]))
            for told in template.more["phases"]
        )
    except (KeyError, TypeError) as error:
        absent = Text(f"{error} manque aux phases du modèle", f"the phases of the template have no {error}")
        raise FlowError(template.name, [absent]) from error
    for phase in phases:
        if phase.starts not in {"notified", "ended"}:
            odd = Text(
                f"la phase {phase.folder} commence par « notified » ou « ended »",
                f"the phase {phase.folder} starts at “notified” or “ended”",
            )
            raise FlowError(template.name, [odd])
    return phases


def _refuse_unfiled(folder: Path, phases: tuple[Phase, ...]) -> None:
    known = {phase.folder for phase in phases}
    listed = ", ".join(phase.folder for phase in phases)
    refuse(folder.name, _unfiled(folder, known, listed))


def _unfiled(folder: Path, known: set[str], listed: str) -> Iterator[Text]:
    for entry in entries_in(folder):
        if entry.is_file() or entry.name not in known:
            yield Text(
                f"{entry.name} n'est rangé dans aucune phase ({listed})",
                f"{entry.name} is filed in no phase ({listed})",
            )


def _unit(contract: Contract) -> Unit:
    return Unit(
        f"Marché n° {contract.number} : {contract.subject}",
        Level.RECORD_GROUP,
        description=f"Titulaire : {contract.holder}. Notifié le {french_day(contract.notified)}, "
        f"exécution terminée le {french_day(contract.ended)}.",
        identifier=contract.number,
        document_type="Dossier de marché public",
        end_date=contract.ended,
        keywords=(Keyword("marché public", "subject"), Keyword(contract.holder, "corpname")),
    )


def _phase_unit(contract: Contract, phase: Phase, template: FlowTemplate) -> Unit:
    starts = contract.notified if phase.starts == "notified" else contract.ended
    return Unit(phase.title, Level.FILE, rules=tuple(template.rule(name, starts) for name in phase.rules))


def _order_fault(contract: Contract) -> Text | None:
    if contract.notified <= contract.ended:
        return None
    notified, ended = french_day(contract.notified), french_day(contract.ended)
    return Text(
        f"notifié le {notified}, il ne peut être terminé le {ended}",
        f"notified on {contract.notified}, it cannot have ended on {contract.ended}",
    )
