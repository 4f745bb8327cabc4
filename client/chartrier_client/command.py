"""The `chartrier` command: deposit, follow, search and fetch from a terminal or a script."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any

from chartrier_client.answers import Transfer
from chartrier_client.arguments import parser
from chartrier_client.description import Envelope, SedaVersion
from chartrier_client.errors import (
    DigestMismatch,
    Finding,
    Problem,
    StillRunning,
    UnexpectedAnswer,
    Unreachable,
)
from chartrier_client.folders import build_from_folder
from chartrier_client.http import Client
from chartrier_client.samples.deposit import demo_deposit
from chartrier_client.screen import never_choke
from chartrier_client.settings import SettingsError, credentials, process_environment
from chartrier_client.sip import BuiltSip

ACCEPTED, TECHNICAL, REJECTED = 0, 1, 2

VERDICTS = {
    "acceptable": "ce paquet passerait tous les contrôles",
    "refused": "ce paquet serait rejeté",
}
"""What would become of a dry run, in words."""


def main(arguments: Sequence[str] | None = None, environment: Mapping[str, str] | None = None) -> int:
    """Run one command and return its exit code: 0 accepted, 2 rejected with findings, 1 technical."""
    try:
        chosen = parser().parse_args(arguments)
    except SystemExit as stop:
        # argparse leaves with 2, which here means «rejected».
        return TECHNICAL if stop.code else ACCEPTED
    never_choke(sys.stdout)
    try:
        return _run(chosen, process_environment() if environment is None else environment)
    except Problem as problem:
        _complain(chosen, str(problem), problem.findings, code=problem.code)
        return REJECTED if problem.findings else TECHNICAL
    except (SettingsError, Unreachable, UnexpectedAnswer, StillRunning, DigestMismatch) as error:
        _complain(chosen, str(error), code=type(error).__name__)
    except (OSError, ValueError) as error:
        _complain(chosen, str(error), code="LOCAL")
    except KeyboardInterrupt:
        _complain(chosen, "interrompu", code="INTERRUPTED")
    return TECHNICAL


def _run(chosen: argparse.Namespace, environment: Mapping[str, str]) -> int:
    if chosen.action in LOCAL_ACTIONS:
        return LOCAL_ACTIONS[chosen.action](chosen)
    flags = {
        "base_url": chosen.url,
        "client_id": chosen.client_id,
        "client_secret": chosen.client_secret,
    }
    known = credentials(flags, chosen.client_file, environment)
    with Client(known.base_url, known.client_id, known.client_secret, language=chosen.language) as client:
        return REMOTE_ACTIONS[chosen.action](client, chosen)


def _deposit(client: Client, chosen: argparse.Namespace) -> int:
    transfer_id = client.deposit(chosen.sip, chosen.agreement, dry_run=chosen.dry_run)
    if chosen.dry_run and not client.transfer(transfer_id).is_dry_run:
        # An archive of an earlier release passes over a parameter that it does not know.
        message = f"cette archive ne connaît pas les essais : {transfer_id} est un versement"
        _complain(chosen, message, code="NO_DRY_RUN")
        return TECHNICAL
    if chosen.no_wait:
        return _tell_transfer(chosen, client.transfer(transfer_id))
    if not chosen.json:
        print(f"{'essai' if chosen.dry_run else 'versement'} {transfer_id}")
    return _wait_for(client, chosen, transfer_id)


def _status(client: Client, chosen: argparse.Namespace) -> int:
    return _tell_transfer(chosen, client.transfer(chosen.transfer))


def _wait(client: Client, chosen: argparse.Namespace) -> int:
    return _wait_for(client, chosen, chosen.transfer)


def _wait_for(client: Client, chosen: argparse.Namespace, transfer_id: str) -> int:
    def progress(transfer: Transfer) -> None:
        if not chosen.json and not transfer.is_final:
            print(f"… {transfer.state}", flush=True)

    return _tell_transfer(chosen, client.wait(transfer_id, chosen.timeout, progress))


def _tell_transfer(chosen: argparse.Namespace, transfer: Transfer) -> int:
    lines = [f"{transfer.id} : {transfer.state}"]
    if transfer.aip_id:
        lines.append(f"AIP {transfer.aip_id}")
    if transfer.verdict:
        lines.append(f"verdict : {VERDICTS.get(transfer.verdict, transfer.verdict)}")
    if transfer.body.get("reason"):
        lines.append(f"motif : {transfer.body['reason']}")
    _tell(chosen, transfer.body, *lines, *map(_finding_line, transfer.findings))
    return REJECTED if transfer.state == "rejected" or transfer.verdict == "refused" else ACCEPTED


def _search(client: Client, chosen: argparse.Namespace) -> int:
    filters = dict(pair.split("=", 1) if "=" in pair else (pair, "true") for pair in chosen.filter)
    found = client.search(" ".join(chosen.words), **filters)
    units = list(islice(found, chosen.limit or None))
    lines = []
    for unit in units:
        dates = " – ".join(date for date in (unit.start_date, unit.end_date) if date)
        lines.append(f"{unit.id}  {unit.title}" + (f"  ({dates})" if dates else ""))
        lines.extend(f"    {row.id}  {row.filename or ''}  {row.size or 0} octets" for row in unit.objects)
    _tell(chosen, {"items": [unit.body for unit in units]}, *(lines or ["rien trouvé"]))
    return ACCEPTED


def _get(client: Client, chosen: argparse.Namespace) -> int:
    digest = client.download(chosen.object, chosen.path)
    _tell(chosen, {"path": str(chosen.path), "sha512": digest}, f"{chosen.path}  SHA-512 vérifié : {digest}")
    return ACCEPTED


def _dip(client: Client, chosen: argparse.Namespace) -> int:
    order = client.wait_dip(client.order_dip(chosen.units), chosen.timeout)
    if order.state != "ready":
        _complain(chosen, f"la commande {order.id} a échoué", code="DIP_FAILED")
        return TECHNICAL
    digest = client.download_dip(order.id, chosen.out)
    body = {"id": order.id, "path": str(chosen.out), "sha512": digest}
    _tell(chosen, body, f"{chosen.out}  SHA-512 vérifié : {digest}")
    return ACCEPTED


def _sip(chosen: argparse.Namespace) -> int:
    envelope = Envelope(
        message_identifier=chosen.message_id,
        archival_agency=chosen.archival_agency,
        transferring_agency=chosen.transferring_agency,
        originating_agency=chosen.originating_agency,
        agreement=chosen.agreement,
    )
    built = build_from_folder(chosen.folder, chosen.out, envelope, SedaVersion(chosen.seda))
    return _tell_built(chosen, built)


def _demo_sip(chosen: argparse.Namespace) -> int:
    demo = demo_deposit(
        chosen.path,
        message_identifier=chosen.message_id,
        agreement=chosen.agreement,
        version=SedaVersion(chosen.seda),
    )
    return _tell_built(chosen, demo.sip)


def _tell_built(chosen: argparse.Namespace, built: BuiltSip) -> int:
    body = {
        "path": str(built.path),
        "message_identifier": built.message_identifier,
        "units": built.units,
        "files": len(built.files),
        "size": built.size,
    }
    line = f"{built.path} : {built.units} unités, {len(built.files)} fichiers, {built.size} octets"
    _tell(chosen, body, line)
    return ACCEPTED


def _tell(chosen: argparse.Namespace, body: Mapping[str, Any], *lines: str) -> None:
    print(json.dumps(body, ensure_ascii=False, indent=2) if chosen.json else "\n".join(lines))


def _complain(chosen: argparse.Namespace, message: str, findings: Sequence[Finding] = (), *, code: str) -> None:
    if chosen.json:
        rows = [
            {"code": row.code, "severity": row.severity, "place": row.place, "message": row.message}
            for row in findings
        ]
        print(json.dumps({"error": message, "code": code, "findings": rows}, ensure_ascii=False, indent=2))
        return
    for line in (f"chartrier : {message}", *map(_finding_line, findings)):
        print(line, file=sys.stderr)


def _finding_line(finding: Finding) -> str:
    told = f"  [{finding.severity}] {finding.code} {finding.place} : {finding.message}"
    return f"{told}\n      → {finding.mend}" if finding.mend else told


LOCAL_ACTIONS: Mapping[str, Callable[[argparse.Namespace], int]] = {"sip": _sip, "demo-sip": _demo_sip}
REMOTE_ACTIONS: Mapping[str, Callable[[Client, argparse.Namespace], int]] = {
    "deposit": _deposit,
    "status": _status,
    "wait": _wait,
    "search": _search,
    "get": _get,
    "dip": _dip,
}


if __name__ == "__main__":
    sys.exit(main())
