"""Named places between two side effects, where a trial has the process die: what it leaves must lead to the same end.

Whoever adds a step to storing, auditing, repairing, purging or rebuilding names the place behind each of its side
effects, and `FAULT_POINTS` with it: tests and trials go through all of them.
"""

import os
import signal
from collections.abc import Callable

from pydantic_settings import BaseSettings, SettingsConfigDict


class FaultSettings(BaseSettings):
    """What a trial may ask of a process."""

    model_config = SettingsConfigDict(env_prefix="CHARTRIER_", frozen=True, extra="ignore")

    fault_at: str = ""
    """The one place where this process kills itself, as `kill -9` would."""


FAULT_POINTS: frozenset[str] = frozenset(
    {
        "rebuild.journals.kept",
        "rebuild.journals.senders",
        "rebuild.journals.followed",
        "rebuild.records.kept",
        "rebuild.copies.kept",
        "rebuild.catalogue.loaded",
        "rebuild.catalogue.streamed",
        "rebuild.transfers.kept",
        "rebuild.purges.noted",
        "rebuild.purges.below",
        "rebuild.purges.told",
        "rebuild.counted",
        "rebuild.told",
        "access.forget.withdrawn",
        "access.forget.expired",
        "access.forget.removed",
        "data_management.forget.taken",
        "data_management.forget.done",
        "ingest.forget.swept",
        "ingest.forget.blanked",
        "ingest.forget.removed",
        "storage.purge.begun",
        "storage.purge.deleted",
        "storage.purge.proven",
        "storage.purge.noted",
        "storage.purge.released",
        "storage.restore_test.read",
        "storage.restore_test.noted",
        "proof.close.planned",
        "proof.close.staged",
        "proof.close.told",
        "proof.anchor.kept",
        "proof.file.staged",
        "proof.file.told",
        "proof.seal.planned",
        "proof.seal.stamped",
        "proof.seal.noted",
        "proof.campaign.begun",
        "proof.campaign.ended",
        "proof.reread.kept",
        "proof.renewal.planned",
        "proof.renewal.stamped",
        "proof.renewal.noted",
        "rebuild.proofs.anchor",
        "rebuild.proofs.seal",
        "rebuild.proofs.renewal",
        "proof.gather.kept",
        "proof.receipt.kept",
        "storage.rewrite.planned",
        "storage.rewrite.written",
        "storage.rewrite.staged",
        "storage.rewrite.taken",
        "storage.rewrite.unstaged",
        "storage.doubt.read",
        "storage.doubt.noted",
        "storage.write.put",
        "storage.write.noted",
        "storage.verify.read",
        "storage.verify.noted",
        "storage.repair.lost",
        "storage.repair.source",
        "storage.restore.put",
        "storage.fill.batch",
        "storage.retire.batch",
        "storage.audit.read",
        "storage.audit.renewed",
        "storage.audit.noted",
        "storage.sample.drawn",
        "storage.sample.noted",
        "storage.sample.ended",
        "storage.coherence.missing",
        "storage.coherence.noted",
        "storage.coherence.ended",
    }
)
"""Every place there is: room, flow, and what has just been done."""

Strike = Callable[[str], None]


def _die(_name: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _of_environment() -> Strike | None:
    wanted = FaultSettings().fault_at
    return None if wanted == "" else lambda name: _die(name) if name == wanted else None


strike: Strike | None = _of_environment()
"""What happens at each place: nothing as a rule. A test may put something else here."""


def fault_point(name: str) -> None:
    """Mark the place behind a side effect."""
    if strike is not None:
        strike(name)
