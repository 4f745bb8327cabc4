"""The actions that need no archive: build a package, check one."""

import secrets
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from chartrier_client.checking.check import CheckReport, check_sip
from chartrier_client.cli.exits import ACCEPTED, REJECTED
from chartrier_client.cli.output import finding_body, finding_line
from chartrier_client.cli.run import Run
from chartrier_client.cli.targets import target
from chartrier_client.description import DescriptionError, Envelope, SedaVersion
from chartrier_client.errors import Problem, Unreachable
from chartrier_client.folders import FolderPlan, build_from_folder
from chartrier_client.language import Text
from chartrier_client.progress import amount
from chartrier_client.samples.deposit import demo_deposit
from chartrier_client.sip import BuiltSip

MOST_NAMED: Final = 20
REQUIRED: Final = ("archival_agency", "transferring_agency")


def build_sip(run: Run) -> int:
    """Build a package from a folder, and a metadata file where there is one."""
    asked = run.asked
    folder: Path = asked.folder
    out = target(run, asked.out or Path(f"{folder.resolve().name or 'sip'}.zip"))
    envelope = _envelope(run)
    with run.output.bar(Text("empaquetage", "packaging")) as bar:
        plan = FolderPlan(asked.metadata, bar, compress=not asked.store)
        built = build_from_folder(folder, out, envelope, SedaVersion(run.settings.get("seda") or "2.2"), plan)
    return _tell_built(run, built)


def _envelope(run: Run) -> Envelope:
    agencies = {name: run.settings.get(name) for name in (*REQUIRED, "originating_agency", "submission_agency")}
    if not all(agencies[name] for name in REQUIRED):
        agencies |= {name: value for name, value in _agreed(run).items() if not agencies[name]}
    missing = ", ".join(f"--{name.replace('_', '-')}" for name in REQUIRED if not agencies[name])
    if missing:
        raise DescriptionError(
            Text(
                f"il manque {missing} (option, réglage, ou accord qui n'en nomme qu'un)",
                f"{missing} is missing (an option, a setting, or an agreement that names a single one)",
            )
        )
    now = datetime.now(UTC).replace(microsecond=0)
    return Envelope(
        # A message identifier serves once: two packages of one second are two messages.
        message_identifier=run.asked.message_id or f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}",
        archival_agency=str(agencies["archival_agency"]),
        transferring_agency=str(agencies["transferring_agency"]),
        originating_agency=agencies["originating_agency"],
        submission_agency=agencies["submission_agency"],
        agreement=run.settings.get("agreement"),
        comment=run.asked.comment,
        date=now,
    )


def _agreed(run: Run) -> dict[str, str]:
    """Ask the archive for the agencies that the agreement names, where there is but one of each.

    The originating agency of an agreement is its establishment.
    """
    reference, found = run.settings.get("agreement"), dict[str, str]()
    if not reference or not run.settings.can_ask():
        return {}
    # Without an archive the sentence about what is missing says enough.
    with suppress(Problem, Unreachable), run.client() as client:
        body = client.agreement(reference)
        for name, field in (
            ("archival_agency", "archival_agencies"),
            ("transferring_agency", "transferring_agencies"),
        ):
            named = body.get(field)
            if isinstance(named, list) and len(named) == 1:
                found[name] = str(named[0])
        if body.get("establishment_identifier"):
            found["originating_agency"] = str(body["establishment_identifier"])
    return found


def build_demo(run: Run) -> int:
    """Write the package of the demonstration."""
    demo = demo_deposit(
        run.asked.path,
        message_identifier=run.asked.message_id,
        agreement=run.asked.agreement,
        version=SedaVersion(run.settings.get("seda") or "2.2"),
    )
    return _tell_built(run, demo.sip)


def _tell_built(run: Run, built: BuiltSip) -> int:
    language = run.output.language
    body = {
        "path": str(built.path),
        "message_identifier": built.message_identifier,
        "units": built.units,
        "files": len(built.files),
        "size": built.size,
        "left_out": list(built.left_out),
        "notes": [note.said(language) for note in built.notes],
    }
    for note in built.notes:
        run.output.note(note)
    if built.left_out:
        names = ", ".join(built.left_out[:MOST_NAMED]) + ("…" if len(built.left_out) > MOST_NAMED else "")
        count = len(built.left_out)
        run.output.note(
            Text(
                f"{count} fichier(s) du système ou d'un logiciel ne sont pas versés : {names}",
                f"{count} file(s) of the system or of a program are not deposited: {names}",
            )
        )
    size, files, message = built.size, len(built.files), built.message_identifier
    run.output.tell(
        body,
        Text(
            f"{built.path} : {built.units} unités, {files} fichiers, {size} octets ; message {message}",
            f"{built.path}: {built.units} units, {files} files, {size} bytes; message {message}",
        ),
    )
    return ACCEPTED


def check(run: Run) -> int:
    """Check a package without an archive."""
    with run.output.bar(Text("contrôle", "checking")) as bar:
        report = check_sip(run.asked.file, run.asked.xsd, bar)
    return _tell_checked(run, report)


def _tell_checked(run: Run, report: CheckReport) -> int:
    findings = [finding.said(run.output.language) for finding in report.findings]
    body = {
        "path": str(report.path),
        "acceptable": report.is_acceptable,
        "version": report.version,
        "message_identifier": report.message_identifier,
        "units": report.units,
        "files": report.files,
        "findings": [finding_body(finding) for finding in findings],
        "omitted": report.omitted,
    }
    size = amount(report.path.stat().st_size, run.output.language)
    what = f"SEDA {report.version or '?'}, {size}"
    fine = Text("rien à redire", "nothing to say") if not findings else Text("acceptable", "acceptable")
    word = fine if report.is_acceptable else Text("à reprendre", "to be mended")
    run.output.tell(
        body,
        Text(
            f"{report.path} : {word.fr} ({what}, {report.units} unités, {report.files} fichiers)",
            f"{report.path}: {word.en} ({what}, {report.units} units, {report.files} files)",
        ),
        *map(finding_line, findings),
        *(Text(f"  … {code} : {more} de plus", f"  … {code}: {more} more") for code, more in report.omitted.items()),
    )
    return ACCEPTED if report.is_acceptable else REJECTED
