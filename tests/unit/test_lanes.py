"""Tests that need the same dear server run in one process; others go wherever there is room."""

import pytest

from tests.lanes import lane_of


@pytest.mark.parametrize(
    ("module", "fixtures", "parameters", "lane"),
    [
        ("e2e/test_crashes.py", ["scene", "levers", "full_stack"], {"room": "ingest"}, "full-stack"),
        ("e2e/test_routes.py", ["archive"], {"archive": "full-stack"}, "full-stack"),
        ("e2e/test_routes.py", ["archive"], {"archive": "all-in-one"}, "all-in-one"),
        ("e2e/test_ways_to_run.py", ["own"], {}, "all-in-one"),
        ("integration/ingest/test_clamav.py", ["bench"], {}, "integration/ingest"),
        ("integration/ingest/test_processing.py", [], {}, "integration/ingest"),
        ("integration/local/test_caddy.py", ["tmp_path"], {}, "integration/local/test_caddy.py"),
        ("unit/test_lanes.py", [], {"archive": "all-in-one"}, "unit/test_lanes.py"),
    ],
)
def test_a_test_is_led_to_its_servers(
    module: str, fixtures: list[str], parameters: dict[str, object], lane: str
) -> None:
    assert lane_of(module, fixtures, parameters) == lane


def test_every_test_has_one_lane(request: pytest.FixtureRequest) -> None:
    unled = [item.nodeid for item in request.session.items if len(list(item.iter_markers("xdist_group"))) != 1]

    assert unled == []
