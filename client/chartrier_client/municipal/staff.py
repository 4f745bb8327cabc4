"""An agent's papers, when he leaves: a folder, filed by theme (carrière, paie, congés…)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from chartrier_client.description import Keyword, Level, Unit
from chartrier_client.language import Text
from chartrier_client.municipal.fields import (
    columns_of,
    day_fault,
    day_of,
    french_day,
    missing_faults,
    siret_fault,
)
from chartrier_client.municipal.filing import add_entries, surveyed
from chartrier_client.municipal.prepared import Parties, PreparedSip
from chartrier_client.municipal.refusal import refuse
from chartrier_client.municipal.template import FlowTemplate

# Nobody is an agent at thirteen, nor at a hundred: one of the two dates is another's.
YOUNGEST, OLDEST = 14, 100


@dataclass(frozen=True, slots=True)
class Agent:
    """Whose papers they are; kept by his birth, closed by his departure. `siret` is his employer's."""

    staff_number: str
    last_name: str
    first_name: str
    birth: date
    departure: date
    siret: str

    def __post_init__(self) -> None:
        named = {"matricule": self.staff_number, "nom": self.last_name, "prenom": self.first_name}
        refuse(
            f"matricule {self.staff_number}",
            [*missing_faults(named, named), siret_fault("siret", self.siret), _age_fault(self)],
        )


def agent_from(row: Mapping[str, str | None]) -> Agent:
    """Read an agent from the fields of the software that manages him, or a line of its export.

    They are `matricule`, `nom`, `prenom`, `date_de_naissance`, `date_de_depart` and `siret`, capitals and accents
    regardless. Raises `FlowError` with all that is wrong with them.
    """
    told = columns_of(row)
    birth, departure = (told.get(name, "") for name in ("date_de_naissance", "date_de_depart"))
    refuse(
        f"matricule {told.get('matricule', '')}",
        [
            *missing_faults(told, ("matricule", "nom", "prenom")),
            day_fault("date_de_naissance", birth),
            day_fault("date_de_depart", departure),
            siret_fault("siret", told.get("siret", "")),
        ],
    )
    return Agent(
        staff_number=told["matricule"],
        last_name=told["nom"],
        first_name=told["prenom"],
        birth=day_of(birth) or date.max,  # never the latter: it was refused above
        departure=day_of(departure) or date.min,
        siret=told["siret"],
    )


def agent_sip(agent: Agent, folder: Path, parties: Parties, template: FlowTemplate) -> PreparedSip:
    """Prepare the package of an agent's papers: a record group, a unit of level File a sub-folder.

    The clock of its appraisal starts at his birth, that of its access at his departure, day of the last paper.
    """
    left_out = surveyed(folder)
    identifier = f"RH-{agent.siret}-{agent.staff_number}-{agent.departure.isoformat()}"
    builder = parties.builder(identifier)
    add_entries(builder, builder.add_unit(_unit(agent, template)), folder)
    return PreparedSip(identifier, builder, left_out)


def _unit(agent: Agent, template: FlowTemplate) -> Unit:
    return Unit(
        f"Dossier individuel de {agent.last_name.upper()} {agent.first_name} (matricule {agent.staff_number})",
        Level.RECORD_GROUP,
        description=f"Dossier d'agent, clos à son départ le {french_day(agent.departure)}.",
        identifier=agent.staff_number,
        document_type="Dossier individuel d'agent",
        end_date=agent.departure,
        keywords=(Keyword("personnel communal", "subject"),),
        rules=(template.rule("agent", agent.birth), template.rule("privacy", agent.departure)),
    )


def _age_fault(agent: Agent) -> Text | None:
    age = agent.departure.year - agent.birth.year
    if agent.birth < agent.departure and YOUNGEST <= age <= OLDEST:
        return None
    born, left = french_day(agent.birth), french_day(agent.departure)
    return Text(
        f"né le {born}, il ne peut être parti le {left} : l'une des deux dates est fausse",
        f"born on {agent.birth}, he cannot have left on {agent.departure}: one of the two days is wrong",
    )
