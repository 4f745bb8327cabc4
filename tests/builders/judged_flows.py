"""A municipal flow's packages as the archive judges them: under the flow's own template, knowing its rules alone."""

import zipfile
from datetime import UTC, datetime
from pathlib import Path

from lxml import etree

from chartrier_client.municipal.prepared import Parties, PreparedSip
from chartrier_client.municipal.template import FlowTemplate
from services.ingest.adapters.siegfried import Siegfried
from services.ingest.domain.agreement import Agreement, MatchHeader, UnknownRules, Usages
from services.ingest.domain.known_rule import KnownRule
from services.ingest.domain.limits import Limits
from services.ingest.pipeline.judge import judge
from tests.answers import valid_answer
from tests.builders.sips import an_agreement, codes

PARTIES = Parties(
    archival_agency="ARCHIVES-99",
    transferring_agency="219900420",
    originating_agency="COMMUNE-1",
    agreement="ACCORD-1",
    date=datetime(2026, 6, 1, 4, tzinfo=UTC),
)


def findings_of(prepared: PreparedSip, template: FlowTemplate, folder: Path) -> list[str]:
    """Judge a package with the real instruments and return the codes of what was found."""
    path = prepared.write_in(folder)
    known = {rule.code: KnownRule(rule.category, rule.duration) for rule in template.rules.values()}
    return codes(judge(path, _agreed(template), known, Limits(), Siegfried().identify, None).findings)


def _agreed(template: FlowTemplate) -> Agreement:
    terms = template.agreement
    return an_agreement(
        identifier=PARTIES.agreement,
        match_header=MatchHeader(terms.match_header),
        unknown_rules=UnknownRules(terms.unknown_rules),
        usages=Usages(terms.usages),
        formats=terms.formats,
        unidentified=terms.unidentified,
    )


def manifest_of(prepared: PreparedSip, folder: Path) -> etree._Element:
    """Return the manifest of a package, valid by our schema, and by the official one if at hand."""
    with zipfile.ZipFile(prepared.write_in(folder)) as package:
        return valid_answer(package.read("manifest.xml"))


def outline(manifest: etree._Element) -> list[str]:
    """Return the units as they stand: a line each, indented by depth, with the level and the title."""
    lines = []
    for unit in manifest.iter("{*}ArchiveUnit"):
        depth = sum(1 for above in unit.iterancestors("{*}ArchiveUnit"))
        level, title = (unit.findtext(f"{{*}}Content/{{*}}{name}") for name in ("DescriptionLevel", "Title"))
        lines.append(f"{'  ' * depth}{level} {title}")
    return lines


def rules_of(manifest: etree._Element, title: str) -> dict[str, tuple[str | None, ...]]:
    """Return what a unit says of its rules: element → code, start and final action."""
    [unit] = [each for each in manifest.iter("{*}ArchiveUnit") if each.findtext("{*}Content/{*}Title") == title]
    management = unit.find("{*}Management")
    return {
        etree.QName(rule).localname: tuple(
            rule.findtext(f"{{*}}{name}") for name in ("Rule", "StartDate", "FinalAction")
        )
        for rule in (management if management is not None else ())
    }
