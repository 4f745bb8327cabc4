"""Which tests share a process when several run side by side: those for which the same dear server is started.

pytest-xdist gives a whole lane (its word is group) to one worker, which starts each server once; lanes share nothing,
so that any number of workers gives the same result. A test alone with its servers needs none of this.
"""

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

import pytest

_WHOLE_FOLDERS = frozenset({"integration/ingest", "integration/storage"})
"""One database for the whole folder, and what stands around it (child processes, sites)."""


def lane_of(module: str, fixtures: Sequence[str], parameters: Mapping[str, object]) -> str:
    """Name the lane of a test: the way to run the archive that it asks for, its folder, or its module.

    `module` is its path under `tests`; `parameters` are those of this case of it.
    """
    folder = str(PurePosixPath(module).parent)
    if "full_stack" in fixtures or parameters.get("archive") == "full-stack":
        return "full-stack"
    if folder == "e2e":
        return "all-in-one"
    return folder if folder in _WHOLE_FOLDERS else module


def lead(items: Sequence[pytest.Item]) -> None:
    """Mark each test with its lane, unless it names one itself."""
    for item in items:
        if item.get_closest_marker("xdist_group") is not None:
            continue
        module = item.path.relative_to(item.config.rootpath / "tests").as_posix()
        case = getattr(item, "callspec", None)
        lane = lane_of(module, getattr(item, "fixturenames", ()), case.params if case else {})
        item.add_marker(pytest.mark.xdist_group(lane))
