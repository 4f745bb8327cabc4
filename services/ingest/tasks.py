"""What ingest's child processes do: check one SIP, build one AIP. Plain values in, plain values out."""

import json
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lxml import etree

from services.ingest.adapters.clamav import STREAM_MAX, Clamd
from services.ingest.adapters.clamd_sessions import Sessions
from services.ingest.adapters.siegfried import Siegfried
from services.ingest.domain.agreement import Agreement, Antivirus
from services.ingest.domain.errors import ScannerUnavailable
from services.ingest.domain.findings import Finding
from services.ingest.domain.instruments import Scan, ScanReport
from services.ingest.domain.known_rule import KnownRule
from services.ingest.domain.limits import Limits
from services.ingest.domain.plan import BuildPlan
from services.ingest.domain.profile import AppliedProfile
from services.ingest.domain.records import header_to_json, pack_inventory, unpack_inventory
from services.ingest.domain.sip import Header
from services.ingest.domain.suspects import Suspect
from services.ingest.domain.widest import WIDEST
from services.ingest.pipeline.aip.builder import AipSummary, build_aip
from services.ingest.pipeline.check_signatures import Verification, wants_signatures
from services.ingest.pipeline.judge import Standard, Verdict, judge_aloud
from services.ingest.pipeline.judged import open_judged
from services.ingest.pipeline.reply_package import write_reply_package
from shared.clock import now

TOLD_SECONDS = 1.0
"""After how much more waiting for the antivirus it is told again."""


@dataclass(frozen=True, slots=True)
class CheckOrder:
    """A SIP on a local path, and what it is judged by; `rules` maps a rule code to what is known of it.

    The header is written to `header`, as JSON, as soon as it is read. What else is written while the check goes on
    lies beside it.
    """

    sip: Path
    header: Path
    agreement: Agreement
    rules: dict[str, KnownRule]
    clamd: str | None
    clamd_stream_max: int = STREAM_MAX
    limits: Limits = field(default_factory=Limits)
    signature_trust: Path | None = None

    @property
    def manifest(self) -> Path:
        """Where the manifest lies once it is checked, if the agreement lists profiles."""
        return self.header.with_name("manifest.xml")


@dataclass(frozen=True, slots=True)
class Checked:
    """What the checks said. `inventory` is packed; it and `header` are None when they could not be read.

    `manifest_name` is how findings call the manifest, None unless it was left for a profile to judge; `profile` is
    the one that did.
    `software` names what looked at the files, with versions, as the build plan records it. `suspects` tell more of
    the findings of the grammar, in their order.
    """

    findings: tuple[Finding, ...]
    header: Header | None
    inventory: bytes | None
    counts: dict[str, int]
    software: dict[str, str]
    suspects: tuple[Suspect, ...] = ()
    manifest_name: str | None = None
    profile: AppliedProfile | None = None


def asks_for_rules(checked: Checked) -> bool:
    """Say whether a code was found that the referential did not have: admin may have it by now."""
    return any(finding.code == "RULE_UNKNOWN" for finding in checked.findings)


@dataclass(frozen=True, slots=True)
class BuildOrder:
    """A SIP that passed, its inventory and its plan; where the AIP and the reply's package go."""

    sip: Path
    inventory: bytes
    plan: BuildPlan
    aip: Path
    package: Path


def check(order: CheckOrder) -> Checked:
    """Judge a SIP. Raises `ScannerUnavailable` when the antivirus is down: nothing is said of the deposit then."""
    scanner = _scanner(order)
    software = _siegfried().software() | {"libxml2": ".".join(map(str, etree.LIBXML_VERSION))}
    verification = _verification(order)
    if verification is not None:
        software["pyhanko"] = version("pyhanko")
    if scanner is not None:
        software["clamav"] = scanner.version()
    kept = order.manifest if order.agreement.profiles else None
    with _scratch_in(order.header.parent):
        verdict = judge_aloud(
            order.sip,
            Standard(order.agreement, order.rules, order.limits, verification, kept),
            _siegfried().identify,
            None if scanner is None else _scan_aloud(scanner, order),
            lambda header: _write_down(json.dumps(header_to_json(header)), order.header),
        )
    return Checked(
        verdict.findings,
        None if verdict.manifest is None else verdict.manifest.header,
        None if verdict.inventory is None or verdict.manifest is None else pack_inventory(verdict.inventory),
        _counts(verdict),
        software,
        verdict.suspects,
        None if kept is None or verdict.manifest is None else _manifest_name(verdict),
    )


@contextmanager
def _scratch_in(folder: Path) -> Iterator[None]:
    """Have temporary files made in `folder`: whoever kills us in the middle of our work removes it."""
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


def _verification(order: CheckOrder) -> Verification | None:
    """Return how signatures are verified, where that is asked. Raises `UnusableTrust` (`TryAgain`)."""
    if not wants_signatures(order.agreement):
        return None
    from services.ingest.trust import load_trust  # noqa: PLC0415 (nobody else pays for it)

    return Verification(load_trust(order.signature_trust), now())


def _scanner(order: CheckOrder) -> Clamd | None:
    """Return the antivirus the agreement wants. Raises `ScannerUnavailable` where it requires one and none is set."""
    if order.agreement.antivirus is Antivirus.NO:
        return None
    if order.clamd is not None:
        return Clamd(_sessions(order.clamd), order.clamd_stream_max)
    if order.agreement.antivirus is Antivirus.REQUIRED:
        raise ScannerUnavailable("the agreement requires an antivirus, and none is set (CHARTRIER_CLAMD)")
    return None


def _scan_aloud(scanner: Clamd, order: CheckOrder) -> Scan:
    """Return what scans, and writes down now and then how long the scanner has been waited for."""
    told = 0.0

    def scan(chunks: Iterable[bytes]) -> ScanReport:
        nonlocal told
        report = scanner.scan(chunks)
        if scanner.waited >= told + TOLD_SECONDS:
            told = scanner.waited
            _write_down(str(told), _waits(order))
        return report

    return scan


def _waits(order: CheckOrder) -> Path:
    return order.header.with_name("scanner-seconds")


def scanner_seconds(order: CheckOrder) -> float:
    """Return how long a check that goes on has waited for the antivirus, in seconds, or a little less."""
    told = _waits(order)
    return float(told.read_text(encoding="utf-8")) if told.exists() else 0.0


def _write_down(text: str, path: Path) -> None:
    # Whoever looks for it finds all of it or nothing.
    unfinished = path.with_suffix(".part")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.rename(path)


def read_header(order: CheckOrder) -> dict[str, Any] | None:
    """Return the header of a SIP that is being checked, as JSON values, once it is read."""
    if not order.header.exists():
        return None
    values: dict[str, Any] = json.loads(order.header.read_text(encoding="utf-8"))
    return values


def build(order: BuildOrder) -> AipSummary:
    """Write the AIP and the reply's package of a SIP that passed: the same bytes whenever it is called.

    Under the widest limits there are: what was accepted is built, whatever an operator has lowered since.

    Raises `AipMismatch` when the SIP is no longer the one that was checked.
    """
    inventory = unpack_inventory(order.inventory)
    with _scratch_in(order.aip.parent), order.package.open("wb") as reply, order.aip.open("wb") as aip:
        package, manifest = open_judged(order.sip, inventory, WIDEST)
        write_reply_package(manifest, order.plan, reply)
        return build_aip(package, inventory, manifest, order.plan, aip)


@cache
def _sessions(address: str) -> Sessions:
    # Kept from one check to the next, as the process is: a small deposit costs no connection.
    return Sessions(address)


@cache
def _siegfried() -> Siegfried:
    # Loaded on first use, once a process: the signatures take a while.
    return Siegfried()


def _manifest_name(verdict: Verdict) -> str:
    read = verdict.inventory
    return "manifest.xml" if read is None else read.manifest_path.removeprefix(read.prefix)


def _counts(verdict: Verdict) -> dict[str, int]:
    counts: dict[str, int] = {}
    if verdict.manifest is not None:
        counts |= {"units": len(verdict.manifest.units), "objects": len(verdict.manifest.objects)}
    if verdict.inventory is not None:
        counts["files"] = len(verdict.inventory.files)
        counts["bytes"] = sum(file.size for file in verdict.inventory.files)
    return counts
