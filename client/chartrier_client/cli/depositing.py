"""Deposit a package from the command: at once or piece by piece, then wait for what becomes of it."""

from pathlib import Path
from typing import Final

from chartrier_client.cli.exits import TECHNICAL
from chartrier_client.cli.following import follow, tell_transfer
from chartrier_client.cli.run import Run
from chartrier_client.errors import Problem
from chartrier_client.http import Client
from chartrier_client.language import Text
from chartrier_client.progress import Bar
from chartrier_client.settings import SettingsError
from chartrier_client.upload_memory import UploadMemory
from chartrier_client.uploads import Upload

NO_UPLOADS: Final = frozenset({404, 405, 501})
SENDING: Final = Text("envoi", "sending")


def deposit(client: Client, run: Run) -> int:
    """Deposit, then wait unless told not to."""
    agreement = run.settings.get("agreement")
    if not agreement:
        raise SettingsError(
            Text(
                "il manque --agreement, l'accord de versement",
                "--agreement is missing, the agreement to deposit under",
            )
        )
    memory = UploadMemory(run.settings.state / "uploads", run.output.warn) if run.settings.state else None
    upload = Upload(run.asked.sip, agreement, run.asked.dry_run, memory)
    resumable = _is_resumable(run, run.asked.sip)
    with run.output.bar(SENDING) as bar:
        transfer_id = _sent(client, run, upload, bar) if resumable else _sent_at_once(client, upload, bar)
    code = _tell(client, run, transfer_id)
    if resumable:
        # Nothing is left to go on with: the same command deposits anew.
        client.forget(upload)
    return code


def _sent(client: Client, run: Run, upload: Upload, bar: Bar | None) -> str:
    try:
        return client.upload(upload, bar)
    except Problem as problem:
        if run.asked.resumable or problem.status not in NO_UPLOADS:
            raise
    # An archive of an earlier release takes packages in one request only.
    return _sent_at_once(client, upload, bar)


def _sent_at_once(client: Client, upload: Upload, bar: Bar | None) -> str:
    return client.deposit(upload.path, upload.agreement, dry_run=upload.dry_run, on_sent=bar)


def _is_resumable(run: Run, sip: Path) -> bool:
    if run.asked.resumable is not None:
        return bool(run.asked.resumable)
    return sip.stat().st_size >= int(run.settings.get("resumable_from") or 0)


def _tell(client: Client, run: Run, transfer_id: str) -> int:
    if run.asked.dry_run and not client.transfer(transfer_id).is_dry_run:
        # An archive of an earlier release passes over a parameter that it does not know.
        message = Text(
            f"cette archive ne connaît pas les essais : {transfer_id} est un versement",
            f"this archive knows no dry runs: {transfer_id} is a deposit",
        )
        run.output.complain(message.said(run.output.language), "NO_DRY_RUN")
        return TECHNICAL
    if not run.asked.wait:
        return tell_transfer(run, client.transfer(transfer_id))
    kind = Text("essai", "dry run") if run.asked.dry_run else Text("versement", "transfer")
    run.output.going_on(Text(f"{kind.fr} {transfer_id}", f"{kind.en} {transfer_id}"))
    return follow(client, run, transfer_id)
