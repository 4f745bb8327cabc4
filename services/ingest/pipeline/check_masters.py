"""Each group of objects holds what the others were made from: a BinaryMaster or a PhysicalMaster."""

from collections.abc import Iterator

from services.ingest.domain.agreement import Usages
from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding, Severity
from services.ingest.pipeline.sip import Sip

_MASTERS = frozenset({"BinaryMaster", "PhysicalMaster"})


def check_masters(sip: Sip) -> Iterator[Finding]:
    """Report groups without a master: errors when the agreement is strict about usages, else warnings.

    An object without a usage is its group's master: SEDA does not ask for one.
    """
    severity = Severity.ERROR if sip.agreement.usages is Usages.STRICT else Severity.WARNING
    objects = {each.id: each for each in sip.manifest.objects}
    return (
        found("OBJECT_MASTER_MISSING", sip.place(objects[members[0]]), severity, group=group)
        for group, members in sip.manifest.groups.items()
        if members and not any(_is_master(objects[member].usage) for member in members)
    )


def _is_master(usage: str | None) -> bool:
    return usage is None or usage.partition("_")[0] in _MASTERS
