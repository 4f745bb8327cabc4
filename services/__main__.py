"""Run the archive, or see to it: ``python -m services <command>``; ``--help`` lists the commands."""

import argparse
import logging
import os
import sys

from pydantic_settings import BaseSettings, SettingsConfigDict

from services import all_in_one
from services.commands import (
    backups,
    config,
    copies,
    dead_letters,
    drills,
    journals,
    keys,
    rebuild,
    seals,
    sites,
    version,
    work,
)
from services.commands.frame import Answer, Fault, add_command, answer
from services.migrating import migrate
from shared.configuration import read
from shared.database.migrations import TablesInUse
from shared.settings import DatabaseUrl


class MigrationSettings(BaseSettings):
    """Who may change tables: the owner's address, given to this one command only."""

    model_config = SettingsConfigDict(env_prefix="CHARTRIER_", frozen=True, extra="ignore")

    owner_database_url: DatabaseUrl


def main(arguments: list[str]) -> int:
    """Do what the command says; return the exit status."""
    return answer(_parser().parse_args(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    add_command(commands, "all-in-one", "run every room in one process", _all_in_one)
    add_command(commands, "migrate", "bring every table up to date (as the owner of the schemas)", _migrate)
    proving = (journals, seals, rebuild)
    for command in (backups, config, copies, dead_letters, drills, keys, *proving, sites, version, work):
        command.add_to(commands)
    return parser


def _all_in_one(_: argparse.Namespace) -> Answer:
    return Answer({}, [], all_in_one.run())


def _migrate(_: argparse.Namespace) -> Answer:
    try:
        migrate(read(MigrationSettings).owner_database_url.get_secret_value())
    except TablesInUse as said:
        raise Fault(str(said)) from said
    return Answer({"migrated": True}, ["The tables are up to date."])


if __name__ == "__main__":
    ended = main(sys.argv[1:])
    # A thread that still waits for a site that hangs would keep us for as long as it hangs.
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(ended)
