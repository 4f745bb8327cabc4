"""Tell where deposits stand."""

from itertools import islice
from typing import Final

from chartrier_client.answers import Transfer
from chartrier_client.cli.exits import ACCEPTED, REJECTED
from chartrier_client.cli.output import finding_line
from chartrier_client.cli.run import Run
from chartrier_client.http import Client
from chartrier_client.language import Text

VERDICTS: Final = {
    "acceptable": Text("ce paquet passerait tous les contrôles", "this package would pass every check"),
    "refused": Text("ce paquet serait rejeté", "this package would be rejected"),
}
"""What would become of a dry run, in words."""


def show_status(client: Client, run: Run) -> int:
    """Tell where one deposit stands."""
    return tell_transfer(run, client.transfer(run.asked.transfer))


def wait_for(client: Client, run: Run) -> int:
    """Wait for a deposit to end."""
    return follow(client, run, run.asked.transfer)


def list_transfers(client: Client, run: Run) -> int:
    """Tell of the last deposits."""
    filters = {"state": run.asked.state} if run.asked.state else {}
    found = list(islice(client.transfers(**filters), run.asked.limit or None))
    lines = [f"{row.id}  {row.state}  {row.message_identifier or ''}".rstrip() for row in found]
    run.output.tell({"items": [row.body for row in found]}, *(lines or [Text("aucun versement", "no transfer")]))
    return ACCEPTED


def follow(client: Client, run: Run, transfer_id: str) -> int:
    """Wait for a deposit to end, telling each state it goes through."""

    def progress(transfer: Transfer) -> None:
        if not transfer.is_final:
            run.output.going_on(Text(f"… {transfer.state}", f"… {transfer.state}"))

    return tell_transfer(run, client.wait(transfer_id, run.asked.timeout, progress))


def tell_transfer(run: Run, transfer: Transfer) -> int:
    """Print a deposit, and return the exit code that it means."""
    verdict = VERDICTS.get(transfer.verdict or "", Text(transfer.verdict or "", transfer.verdict or ""))
    reason = transfer.body.get("reason")
    lines = [
        Text(f"{transfer.id} : {transfer.state}", f"{transfer.id}: {transfer.state}"),
        *([f"AIP {transfer.aip_id}"] if transfer.aip_id else []),
        *([Text(f"verdict : {verdict.fr}", f"verdict: {verdict.en}")] if transfer.verdict else []),
        *([Text(f"motif : {reason}", f"reason: {reason}")] if reason else []),
    ]
    run.output.tell(transfer.body, *lines, *map(finding_line, transfer.findings))
    return REJECTED if transfer.state == "rejected" or transfer.verdict == "refused" else ACCEPTED
