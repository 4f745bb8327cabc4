"""The `chartrier` command: build, check, deposit, follow, search and fetch from a terminal or a script."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from chartrier_client.cli.arguments import before_all, parser
from chartrier_client.cli.depositing import deposit
from chartrier_client.cli.exits import ACCEPTED, REJECTED, TECHNICAL
from chartrier_client.cli.fetching import fetch_dip, fetch_object, search
from chartrier_client.cli.following import list_transfers, show_status, wait_for
from chartrier_client.cli.output import Output
from chartrier_client.cli.packaging import build_demo, build_sip, check
from chartrier_client.cli.run import Run
from chartrier_client.cli.usage import UsageError
from chartrier_client.cli.verifying import verify_proofs
from chartrier_client.errors import DigestMismatch, Problem, StillRunning, UnexpectedAnswer, Unreachable, UploadError
from chartrier_client.http import Client
from chartrier_client.language import Text, told
from chartrier_client.metadata.faults import MetadataError
from chartrier_client.screen import never_choke
from chartrier_client.settings import Settings, SettingsError, gather, language_of, process_environment

OURS: Final = (SettingsError, Unreachable, UnexpectedAnswer, StillRunning, DigestMismatch, UploadError)


def main(arguments: Sequence[str] | None = None, environment: Mapping[str, str] | None = None) -> int:
    """Run one command and return its exit code: 0 accepted, 2 rejected with findings, 1 technical."""
    never_choke(sys.stdout)
    never_choke(sys.stderr)
    words = list(sys.argv[1:] if arguments is None else arguments)
    around = process_environment() if environment is None else environment
    output = Output(language_of(None, None, around), json="--json" in words)
    try:
        asked = _asked(words)
        settings = gather({}, None, asked.config, around)
        output = Output(language_of(asked.language, settings, around), json=asked.json)
        chosen = parser(output.language).parse_args(words)
        settings = _settings(chosen, around)
        for warning in settings.warnings:
            output.warn(warning)
        return _run(Run(chosen, settings, output))
    except SystemExit:
        # argparse leaves so once it has shown the help.
        return ACCEPTED
    except (*OURS, Problem, UsageError, OSError, ValueError, KeyboardInterrupt) as error:
        return _explained(error, output)


def _asked(words: Sequence[str]) -> argparse.Namespace:
    known = [word for word in words if word not in {"-h", "--help"}]
    return before_all().parse_known_args(known)[0]


def _settings(chosen: argparse.Namespace, environment: Mapping[str, str]) -> Settings:
    names = (
        "client_id",
        "client_secret",
        "language",
        "agreement",
        "archival_agency",
        "transferring_agency",
        "originating_agency",
        "submission_agency",
        "seda",
    )
    flags = {"base_url": chosen.url} | {name: getattr(chosen, name, None) for name in names}
    return gather(flags, chosen.client_file, chosen.config, environment)


def _run(run: Run) -> int:
    action = " ".join(
        str(run.chosen[name]) for name in ("action", "sip_action", "config_action") if name in run.chosen
    )
    if action in LOCAL_ACTIONS:
        return LOCAL_ACTIONS[action](run)
    with run.client() as client:
        return REMOTE_ACTIONS[action](client, run)


def _explained(error: BaseException, output: Output) -> int:
    """Say what went wrong, and return the exit code that it means."""
    message = told(error, output.language)
    if isinstance(error, Problem):
        output.complain(message, error.code, error.findings)
        return REJECTED if error.findings else TECHNICAL
    if isinstance(error, MetadataError):
        output.complain(message, "METADATA", faults=error.faults)
    elif isinstance(error, UsageError):
        output.complain(message, "USAGE")
    elif isinstance(error, OURS):
        output.complain(message, type(error).__name__)
    elif isinstance(error, KeyboardInterrupt):
        again = Text(
            "interrompu ; un dépôt par morceaux reprendra par la même commande",
            "interrupted; the same command goes on with a deposit in pieces",
        )
        output.complain(again.said(output.language), "INTERRUPTED")
    else:
        output.complain(message, "LOCAL")
    return TECHNICAL


def show_config(run: Run) -> int:
    """Print the settings and where they come from; a secret never shows."""
    rows = {
        name: {"value": "***" if name == "client_secret" else setting.value, "source": setting.source}
        for name, setting in sorted(run.settings.known.items())
    }
    file, state = run.settings.config_file, run.settings.state
    body = {"settings": rows, "file": _shown(file), "state": _shown(state), "language": run.output.language}
    run.output.tell(
        body,
        *(f"{name} = {row['value']}  ({row['source']})" for name, row in rows.items()),
        Text(f"fichier : {file or 'aucun'}", f"file: {file or 'none'}"),
        Text(f"reprises : {state or 'nulle part'}", f"uploads are remembered in: {state or 'nowhere'}"),
    )
    return ACCEPTED


def _shown(path: Path | None) -> str | None:
    return None if path is None else str(path)


LOCAL_ACTIONS: Mapping[str, Callable[[Run], int]] = {
    "sip build": build_sip,
    "sip check": check,
    "demo-sip": build_demo,
    "verify": verify_proofs,
    "config show": show_config,
}
REMOTE_ACTIONS: Mapping[str, Callable[[Client, Run], int]] = {
    "deposit": deposit,
    "status": show_status,
    "wait": wait_for,
    "list": list_transfers,
    "search": search,
    "get": fetch_object,
    "dip": fetch_dip,
}


if __name__ == "__main__":
    sys.exit(main())
