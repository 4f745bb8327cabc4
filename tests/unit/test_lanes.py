"""Tests that need the same dear server run in one process; others go wherever there is room."""

import pytest

from tests.lanes import ON_THE_FULL_STACK, WHOLE_FOLDERS, lane_of

# What starts an archive, and the lane in which it is started.
STARTED_IN = {"full_stack": "full-stack", "all_in_one": "all-in-one", "home_of_its_own": "all-in-one"}


@pytest.mark.parametrize(
    ("nodeid", "lane"),
    [
        ("tests/e2e/test_crashes.py::test_a_room_killed[ingest]", "full-stack"),
        ("tests/e2e/test_routes.py::test_a_route[full-stack]", "full-stack"),
        ("tests/e2e/test_routes.py::test_a_route[full-stack-/ingest/v1]", "full-stack"),
        ("tests/e2e/test_routes.py::test_a_route[a-b-full-stack]", "full-stack"),
        ("tests/e2e/test_routes.py::test_a_route[all-in-one]", "all-in-one"),
        ("tests/e2e/test_routes.py::test_a_route[not-the-full-stacked]", "all-in-one"),
        ("tests/e2e/test_ways_to_run.py::test_the_full_stack", "all-in-one"),
        ("tests/integration/ingest/test_clamav.py::test_a_virus", "integration/ingest"),
        ("tests/integration/local/test_caddy.py::test_a_door[full-stack]", "integration/local/test_caddy.py"),
        ("tests/unit/test_lanes.py::test_a_lane", "unit/test_lanes.py"),
    ],
)
def test_a_test_is_led_to_its_servers(nodeid: str, lane: str) -> None:
    assert lane_of(nodeid) == lane


def test_no_lane_starts_an_archive_that_another_starts(request: pytest.FixtureRequest) -> None:
    astray = [
        f"{item.nodeid} uses {fixture}: say so in tests/lanes.py"
        for item in request.session.items
        for fixture, lane in STARTED_IN.items()
        if fixture in getattr(item, "fixturenames", ()) and lane_of(item.nodeid) != lane
    ]

    assert astray == []


def test_a_module_in_a_lane_of_its_own_exists(request: pytest.FixtureRequest) -> None:
    tests = request.config.rootpath / "tests"
    assert [name for name in (*ON_THE_FULL_STACK, *WHOLE_FOLDERS) if not (tests / name).exists()] == []
