"""Which tests share a process when several run side by side: those for which the same dear server is started.

A whole lane goes to one of pytest-xdist's workers, which starts each server once; lanes share nothing, so that any
number of workers gives the same result. A test alone with its servers needs none of this.

pytest-xdist's own groups say nothing under pytest 9.2: they are written in a field that it no longer reads.
"""

from pathlib import PurePosixPath

import pytest
from typing_extensions import override
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

ON_THE_FULL_STACK = frozenset(
    {"e2e/test_crashes.py", "e2e/test_fairness.py", "e2e/test_tracing.py", "e2e/test_webhooks.py"}
)
"""Modules whose tests all use the full stack; where some do, these have `full-stack` as a parameter."""

WHOLE_FOLDERS = frozenset({"integration/ingest", "integration/storage"})
"""One database for the folder, and what stands around it (child processes, sites)."""


def lane_of(nodeid: str) -> str:
    """Name the lane of a test: the way to run the archive that it asks for, its folder, or its module."""
    path, _, name = nodeid.partition("::")
    # Parameters are joined by hyphens.
    parameters = f"-{name.partition('[')[2].removesuffix(']')}-"
    module = path.removeprefix("tests/")
    folder = str(PurePosixPath(module).parent)
    if folder == "e2e":
        return "full-stack" if module in ON_THE_FULL_STACK or "-full-stack-" in parameters else "all-in-one"
    return folder if folder in WHOLE_FOLDERS else module


class LaneScheduling(LoadScopeScheduling):  # type: ignore[misc] # pytest-xdist publishes no types
    """A lane at a time, in pytest's order."""

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    @override
    def _split_scope(self, nodeid: str) -> str:
        return lane_of(nodeid)
