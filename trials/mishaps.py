"""What goes wrong: a part of the archive is killed or stopped at a moment that chance chooses, and started again.

Each mishap returns what happened, as names to count. The parts run again when it returns.
"""

import random
from collections.abc import Callable

from services.local import files, postgres, rabbitmq, seaweedfs
from trials.levers import Levers
from trials.recovery import Archive
from trials.run import Run

Mishap = Callable[[Levers, random.Random, Run], list[str]]

# Most often one dies alone; two at once is what a machine that goes down looks like to the others.
_TWO_AT_ONCE = 0.25
_LONGEST_AWAY = 3.0
"""Seconds."""


def kill_rooms(levers: Levers, chance: random.Random, run: Run) -> list[str]:
    """One process or two die as by kill -9, some with their children and some without, and come back."""
    names = sorted(levers.stack.processes)
    victims = chance.sample(names, 2 if chance.random() < _TWO_AT_ONCE else 1)
    for victim in victims:
        if chance.random() < 0.5:
            levers.room(victim).kill()
        else:
            levers.kill(victim)  # its children have to notice
    run.pause(chance.uniform(0, _LONGEST_AWAY))
    for victim in victims:
        levers.start(victim)
    return [f"kill -9 of {victim}" for victim in victims]


def restart_broker(levers: Levers, chance: random.Random, run: Run) -> list[str]:
    """RabbitMQ is killed or stopped, and comes back with its queues."""
    folder = levers.stack.folder / "rabbitmq"
    how, word = chance.choice([(rabbitmq.kill, "kill -9"), (rabbitmq.stop, "stop")])
    how(folder)
    run.pause(chance.uniform(0, _LONGEST_AWAY))
    levers.stack.start_rabbitmq()
    return [f"{word} of RabbitMQ"]


def restart_database(levers: Levers, chance: random.Random, run: Run) -> list[str]:
    """PostgreSQL is killed or stopped, and comes back recovered."""
    folder = levers.stack.folder / "postgres"
    how, word = chance.choice([(postgres.kill, "kill -9"), (postgres.stop, "stop")])
    how(folder)
    run.pause(chance.uniform(0, _LONGEST_AWAY))
    levers.stack.start_postgres()
    return [f"{word} of PostgreSQL"]


def burn_database(levers: Levers, chance: random.Random, run: Run) -> list[str]:
    """PostgreSQL dies and its disk with it; all of it is had again from a backup and the log kept elsewhere."""
    archive = Archive(levers, files.private_folder(run.folder / "archive"))
    archive.begin()
    run.pause(chance.uniform(0, _LONGEST_AWAY))
    seconds = archive.burn_and_restore()
    run.notebook.count("seconds without a database, restored and rooms ready, in all", round(seconds))
    return ["disks of PostgreSQL burnt"]


def restart_site(levers: Levers, chance: random.Random, run: Run) -> list[str]:
    """A site goes away for a while; nothing can be accepted until it is back."""
    number = chance.randrange(2)
    folder = levers.stack.site_folder(number)
    how, word = chance.choice([(seaweedfs.kill, "kill -9"), (seaweedfs.stop, "stop")])
    how(folder)
    run.pause(chance.uniform(0, 2 * _LONGEST_AWAY))
    levers.stack.start_site(number)
    return [f"{word} of site {'ab'[number]}"]
