"""The demonstration deposit: three papers of one town hall, described as a records manager would."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from chartrier_client.administration import RuleCode
from chartrier_client.description import (
    Envelope,
    Keyword,
    Level,
    Rule,
    RuleCategory,
    SedaVersion,
    SourceFile,
    Unit,
)
from chartrier_client.samples.town_hall import (
    CONTRACT_TITLE,
    DELIBERATION_TITLE,
    FLOW_TITLE,
    SIREN,
    TOWN,
    accounting_flow,
    contract,
    deliberation,
)
from chartrier_client.sip import BuiltSip, SipBuilder

COUNCIL_DAY = date(2026, 3, 26)
PAYMENT_DAY = date(2026, 4, 2)
CONTRACT_DAY = date(2026, 4, 1)
AGENT_BIRTH = date(1994, 9, 14)
DEFAULT_DATE = datetime(2026, 4, 15, 9, 30, tzinfo=UTC)

DEMO_RULES = (
    RuleCode("APP-DELIBERATION-01A", RuleCategory.APPRAISAL, "P1Y", "Keep"),
    RuleCode("APP-COMPTABILITE-10A", RuleCategory.APPRAISAL, "P10Y", "Destroy"),
    RuleCode("APP-DOSSIER-AGENT-80A", RuleCategory.APPRAISAL, "P80Y", "Destroy"),
)
"""The appraisal codes the papers below bear; the access codes (AR038, AR048) every archive knows."""


@dataclass(frozen=True, slots=True)
class DemoDeposit:
    """The package, and what to look for once it is archived."""

    sip: BuiltSip
    deliberation: SourceFile
    deliberation_title: str


def demo_deposit(
    path: Path,
    *,
    message_identifier: str = "VALOMBREUSE-2026-0001",
    agreement: str | None = None,
    date: datetime = DEFAULT_DATE,
    version: SedaVersion = SedaVersion.V2_2,
) -> DemoDeposit:
    """Write the demonstration SIP at `path`; the same arguments give the same files and manifest."""
    envelope = Envelope(
        message_identifier=message_identifier,
        archival_agency="ARCHIVES-DEMO",
        transferring_agency=SIREN,
        originating_agency=SIREN,
        submission_agency=SIREN,
        agreement=agreement,
        comment="Versement de démonstration : documents inventés, sans valeur.",
        date=date,
    )
    builder = SipBuilder(envelope, version)
    root = builder.add_unit(_root())
    paper = deliberation(COUNCIL_DAY)
    for unit, source in (
        (_deliberation_unit(), paper),
        (_flow_unit(), accounting_flow(PAYMENT_DAY)),
        (_contract_unit(), contract(CONTRACT_DAY)),
    ):
        builder.add_file(builder.add_unit(unit, root), source)
    return DemoDeposit(builder.write(path), paper, DELIBERATION_TITLE)


def _root() -> Unit:
    return Unit(
        title=f"{TOWN} : versement du premier semestre 2026",
        level=Level.RECORD_GROUP,
        description="Délibérations, comptabilité et ressources humaines de la mairie.",
        start_date=COUNCIL_DAY,
        end_date=PAYMENT_DAY,
        originating_agency=SIREN,
        keywords=(Keyword("Valombreuse-sur-Lys", "geogname"),),
    )


def _deliberation_unit() -> Unit:
    return Unit(
        title=DELIBERATION_TITLE,
        description="Le conseil municipal achète la parcelle AB n° 214 pour agrandir la cour de l'école.",
        identifier="2026-042",
        document_type="Délibération",
        language="fr",
        start_date=COUNCIL_DAY,
        end_date=COUNCIL_DAY,
        keywords=(Keyword("conseil municipal", "corpname"), Keyword("acquisition foncière", "subject")),
        rules=_rules("APP-DELIBERATION-01A", "Keep", "AR038", COUNCIL_DAY),
    )


def _flow_unit() -> Unit:
    return Unit(
        title=FLOW_TITLE,
        description="Mandats de dépense du budget principal, exercice 2026.",
        document_type="Flux comptable PES",
        start_date=PAYMENT_DAY,
        end_date=PAYMENT_DAY,
        keywords=(Keyword("comptabilité publique", "subject"),),
        rules=_rules("APP-COMPTABILITE-10A", "Destroy", "AR048", PAYMENT_DAY),
    )


def _contract_unit() -> Unit:
    return Unit(
        title=CONTRACT_TITLE,
        description="Contrat à durée déterminée d'un an, médiathèque municipale.",
        document_type="Contrat de travail",
        language="fr",
        start_date=CONTRACT_DAY,
        end_date=CONTRACT_DAY,
        keywords=(Keyword("personnel communal", "subject"),),
        rules=(
            # Agents' files are kept until eighty years after birth.
            Rule(RuleCategory.APPRAISAL, "APP-DOSSIER-AGENT-80A", AGENT_BIRTH, "Destroy"),
            Rule(RuleCategory.ACCESS, "AR048", CONTRACT_DAY),
        ),
    )


def _rules(appraisal: str, final_action: str, access: str, start: date) -> tuple[Rule, ...]:
    return (
        Rule(RuleCategory.APPRAISAL, appraisal, start, final_action),
        Rule(RuleCategory.ACCESS, access, start),
    )
