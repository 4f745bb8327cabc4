"""Requests drawn from the rooms' own OpenAPI, on the full stack, as long as one likes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from services.local import ports, stack
from shared.rooms import ROOMS
from tests.fuzzing.by_schema import PHASES, ROOMS_OF_THE_PLATFORM, Effort, ask, of_platform, of_town
from trials.belongings import belongings
from trials.levers import Amiss
from trials.run import Figures, Run
from trials.towns import Archive

EXAMPLES: Final = 50
"""Requests drawn for one operation in one unit of work, in each phase that draws."""


def play(run: Run) -> Figures:
    """Ask one room after the other, each time with another seed and as the client of another town."""
    with _standing(run) as archive:
        for number in run.left:
            if run.is_over():
                break
            _ask(run, archive, number)
            run.notebook.note_done(number, "well")
    run.heed()
    return {"answers": sum(run.notebook.progress.counted.values())}


@contextmanager
def _standing(run: Run) -> Iterator[Archive]:
    """Lend a full stack of this run's own: what is asked of it stays in it."""
    home = run.folder / "home"
    known = stack.load(home)
    try:
        up = stack.up(home, ports.free_ports(1)[0] if known is None else known.port)
        yield Archive("full-stack", up.base_url, home / "admin-client.json")
    finally:
        stack.down(home)


def _ask(run: Run, archive: Archive, number: int) -> None:
    room, seed = ROOMS[number % len(ROOMS)], run.chance(number).randrange(2**32)
    effort = Effort(EXAMPLES, seed, PHASES, learning=True)
    # Tokens live for ten minutes: each unit has a town of its own.
    callers = [(of_town(belongings(archive, run.folder)), False)]
    if room in ROOMS_OF_THE_PLATFORM:
        callers.append((of_platform(archive), True))
    for caller, of_the_platform in callers:
        seen = ask(archive, room, caller, effort, of_the_platform=of_the_platform)
        for (_, status), count in seen.answers.items():
            run.notebook.count(f"{room}: {status}", count)
        if seen.amiss:
            told = "\n".join(f"{what}\n{command}" for what, command in seen.amiss.items())
            raise Amiss(f"{room}, seed {seed}, {'platform' if of_the_platform else 'town'}: {told}")
