"""Run the archive: ``python -m services all-in-one`` (every room in one process) or ``migrate``."""

import argparse
import sys

from pydantic_settings import BaseSettings, SettingsConfigDict

from services import all_in_one
from services.local.settings import LocalSettings
from shared.database.migrations import upgrade_all
from shared.settings import DatabaseUrl


class MigrationSettings(BaseSettings):
    """Who may change tables: the owner's address, given to this one command only."""

    model_config = SettingsConfigDict(env_prefix="CHARTRIER_", frozen=True, extra="ignore")

    owner_database_url: DatabaseUrl


def main(arguments: list[str]) -> int:
    """Do what the command says; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m services", description=__doc__)
    parser.add_argument("command", choices=["all-in-one", "migrate"])
    if parser.parse_args(arguments).command == "migrate":
        upgrade_all(MigrationSettings().owner_database_url.get_secret_value())
        return 0
    return all_in_one.run(LocalSettings())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
