"""What a town's software leaves on disk, flow by flow: `python -m chartrier_client.samples.municipal FOLDER`."""

import argparse
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from chartrier_client.samples.accounts import night_of_flows
from chartrier_client.samples.agent import papers_of_an_agent
from chartrier_client.samples.contract import papers_of_a_contract
from chartrier_client.samples.council import papers_of_sessions

PAYMENT_DAY = date(2026, 4, 2)


def write_samples(folder: Path) -> None:
    """Write one sample a flow, each in a folder of its own."""
    night_of_flows(folder / "accounts", PAYMENT_DAY)
    papers_of_an_agent(folder / "agent")
    papers_of_sessions(folder / "council")
    papers_of_a_contract(folder / "contract")


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the samples in the folder named."""
    parser = argparse.ArgumentParser(prog="python -m chartrier_client.samples.municipal", description=__doc__)
    parser.add_argument("folder", type=Path)
    write_samples(parser.parse_args(arguments).folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
