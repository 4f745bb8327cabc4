"""Every line that a room writes while tests run is held to the register of acts: its journal, actor and details."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.acts_catalogue.register import act_of
from shared.messages.journal import JournalLineV1
from shared.messaging.transaction import Transaction

ROOT = Path(__file__).parents[1]
OURS = (str(ROOT / "services"), str(ROOT / "shared"))
STAND_INS = ("client:", "operator:", "room:", "anonymous", "others")
"""How actors begin; where a test calls a handler in a name of its own, that name is not looked at."""


@contextmanager
def held_to_the_register() -> Iterator[None]:
    """Refuse, while the block lasts, lines of `services` and `shared` that are not as the register says."""
    journal = Transaction.journal

    def checked(self: Transaction, line: JournalLineV1) -> None:
        frame = inspect.currentframe()
        caller = None if frame is None else frame.f_back
        if caller is not None and caller.f_code.co_filename.startswith(OURS):
            assert (faults := faults_of(line)) == [], f"{line.action}: {faults}; see docs/journal-acts.md"
        journal(self, line)

    Transaction.journal = checked  # type: ignore[method-assign]
    try:
        yield
    finally:
        Transaction.journal = journal  # type: ignore[method-assign]


def faults_of(line: JournalLineV1) -> list[str]:
    """Return what of a line the register does not have."""
    act = act_of(line.action)
    if act is None:
        return ["not in the register"]
    return [
        fault for fault in act.faults_of(line) if not fault.startswith("actor") or line.actor.startswith(STAND_INS)
    ]
