"""The management rules of a manifest, and where each stands."""

from collections.abc import Iterator

from services.ingest.domain.sip import RuleCategory
from services.ingest.pipeline.sip import Sip


def borne_rules(sip: Sip) -> Iterator[tuple[str, RuleCategory]]:
    """Yield each rule category with its place: those of the whole deposit, then those of each unit."""
    for category in sip.manifest.management:
        yield f"{sip.manifest_name} ManagementMetadata", category
    for unit in sip.manifest.units:
        for category in unit.rules:
            yield sip.place(unit), category
