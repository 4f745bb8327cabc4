"""Judge one SIP: read it, run every check, report every finding at once."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from services.ingest.domain.agreement import Agreement, Antivirus
from services.ingest.domain.findings import Finding, Severity, is_refused
from services.ingest.domain.instruments import Identify, Scan
from services.ingest.domain.known_rule import KnownRule
from services.ingest.domain.limits import MIB, Limits
from services.ingest.domain.sip import Header, Inventory, Manifest
from services.ingest.domain.suspects import Suspect
from services.ingest.pipeline import CHECKS
from services.ingest.pipeline.check_signatures import Verification, check_signatures
from services.ingest.pipeline.container.faults import ContainerFault
from services.ingest.pipeline.container.package import SipPackage
from services.ingest.pipeline.container.survey import Survey, survey
from services.ingest.pipeline.digest_algorithms import algorithm_named
from services.ingest.pipeline.locating import locate
from services.ingest.pipeline.manifest.reader import read_manifest
from services.ingest.pipeline.measure import Instruments, Measurements, measure, scan_stream
from services.ingest.pipeline.sip import Sip
from services.ingest.pipeline.telling import Telling


@dataclass(frozen=True, slots=True)
class Verdict:
    """All that was found. `inventory` and `manifest` are None when they could not be read to their end.

    Without an error among `findings` both are there, and each binary object's `uri` is the path of its file.
    `suspects` tell more of the findings of the grammar, in their order.
    """

    inventory: Inventory | None
    manifest: Manifest | None
    findings: tuple[Finding, ...]
    suspects: tuple[Suspect, ...] = ()


@dataclass(frozen=True, slots=True)
class Standard:
    """What a SIP is judged by: its agreement, the rule referential, our limits.

    `verification` is how its signatures are, where the agreement asks for that (`wants_signatures`).
    """

    agreement: Agreement
    rules: Mapping[str, KnownRule]
    limits: Limits
    verification: Verification | None = None


def judge(
    sip_path: Path,
    agreement: Agreement,
    rules: Mapping[str, KnownRule],
    limits: Limits,
    identify: Identify,
    scan: Scan | None,
) -> Verdict:
    """Judge the SIP at `sip_path`. Never raises for what the depositor did; a failure of the world comes through.

    A package that cannot be read safely is not measured: its manifest, if it has one, is judged all the same.
    """
    return judge_aloud(sip_path, Standard(agreement, rules, limits), identify, scan, lambda _: None)


def judge_aloud(
    sip_path: Path, standard: Standard, identify: Identify, scan: Scan | None, tell: Callable[[Header], None]
) -> Verdict:
    """Judge as `judge` does, and `tell` the header once it is read, before the files are: they may take hours."""
    limits = standard.limits
    with tempfile.TemporaryDirectory(prefix="judge-") as scratch:
        spooled = Path(scratch) / "manifest.xml"
        surveyed = survey(sip_path, spooled, limits)
        if surveyed.manifest is None or not spooled.exists():
            return Verdict(None, None, surveyed.findings)
        instruments = Instruments(identify, scan, Path(scratch), limits.max_archive_depth)
        return _judge_surveyed(sip_path, surveyed, spooled, standard, instruments, tell)


def _judge_surveyed(
    sip_path: Path,
    surveyed: Survey,
    spooled: Path,
    standard: Standard,
    instruments: Instruments,
    tell: Callable[[Header], None],
) -> Verdict:
    name = (surveyed.manifest or "").removeprefix(surveyed.prefix)
    telling = Telling(standard.limits.max_findings_per_code)
    telling.take(surveyed.findings)
    if instruments.scan is not None:
        scanned = _scan_manifest(spooled, name, instruments.scan)
        telling.take(_weighed(finding, standard.agreement) for finding in scanned)
    reading = read_manifest(spooled, name, standard.limits, standard.agreement.schema_tolerances)
    telling.take(reading.findings)
    if reading.manifest is not None:
        tell(reading.manifest.header)
    located = locate(reading.manifest.objects if reading.manifest else (), surveyed.paths)
    inventory = None
    if not is_refused(surveyed.findings):
        algorithms = _algorithms(reading.manifest, located)
        inventory, measured = _measured(sip_path, surveyed, algorithms, standard.limits, instruments)
        telling.take(_weighed(finding, standard.agreement) for finding in measured)
    if reading.manifest is None:
        return Verdict(inventory, None, telling.told())
    sip = _sip(reading.manifest, name, surveyed, located, inventory, standard)
    for check in CHECKS:
        telling.take(check(sip))
    if inventory is not None and standard.verification is not None:
        by = standard.verification, standard.limits
        inventory, told = check_signatures(sip_path, inventory, spooled, sip, by)
        telling.take(told)
    return Verdict(inventory, with_paths(reading.manifest, located), telling.told(), reading.suspects)


def _weighed(finding: Finding, agreement: Agreement) -> Finding:
    """Make an error of a file that the antivirus saw only in part: none is taken unexamined where it is required."""
    if agreement.antivirus is Antivirus.REQUIRED and finding.code == "ANTIVIRUS_PARTIAL":
        return replace(finding, severity=Severity.ERROR)
    return finding


def _scan_manifest(spooled: Path, name: str, scan: Scan) -> list[Finding]:
    with spooled.open("rb") as file:
        return scan_stream(name, spooled.stat().st_size, iter(partial(file.read, MIB), b""), scan)


def _algorithms(manifest: Manifest | None, located: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """Return the known algorithms declared for each path."""
    wanted: dict[str, frozenset[str]] = {}
    for each in manifest.objects if manifest else ():
        algorithm, path = algorithm_named(each.algorithm or ""), located.get(each.id)
        if algorithm is not None and path is not None:
            wanted[path] = wanted.get(path, frozenset()) | {algorithm}
    return wanted


def _measured(
    sip_path: Path,
    surveyed: Survey,
    algorithms: Mapping[str, frozenset[str]],
    limits: Limits,
    instruments: Instruments,
) -> tuple[Inventory | None, list[Finding]]:
    """Measure the files; at damaged bytes there is a finding and no inventory."""
    measurements = Measurements()
    manifest, container_format = surveyed.manifest or "", surveyed.format
    try:
        package = SipPackage(sip_path, manifest, surveyed.prefix, limits)
        measure(package, algorithms, instruments, measurements)
    except ContainerFault as fault:
        return None, [*measurements.findings, fault.finding]
    if container_format is None:
        return None, measurements.findings
    files = tuple(measurements.files)
    return Inventory(container_format, manifest, surveyed.prefix, files), measurements.findings


def _sip(
    manifest: Manifest,
    name: str,
    surveyed: Survey,
    located: Mapping[str, str],
    inventory: Inventory | None,
    standard: Standard,
) -> Sip:
    return Sip(
        manifest=manifest,
        agreement=standard.agreement,
        rules=standard.rules,
        manifest_name=name,
        paths=surveyed.paths,
        located=located,
        files={file.path: file for file in inventory.files} if inventory else {},
    )


def with_paths(manifest: Manifest, located: Mapping[str, str]) -> Manifest:
    """Return `manifest` with each Uri written as the path of its file, so that the two compare as texts."""
    if all(located.get(each.id, each.uri) == each.uri for each in manifest.objects):
        return manifest
    objects = tuple(replace(each, uri=located.get(each.id, each.uri)) for each in manifest.objects)
    return replace(manifest, objects=objects)
