"""Whatever comes as a package is answered with a verdict: never a crash, 5 s of hang, or 300 MiB.

Short here; `python -m trials --only fuzz` goes on for hours with the same makers.
"""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders.sips import a_container
from tests.fuzzing import nasty_containers, nasty_manifests
from tests.fuzzing.by_chance import MAKERS
from tests.fuzzing.child import Child

# Large enough for what takes the square of its size, or keeps all it sees, to be seen.
SIZE = 150 * 1024


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    with Child() as one:
        yield one


@pytest.mark.parametrize("maker", MAKERS)
def test_no_package_made_by_chance_is_too_much(child: Child, tmp_path: Path, maker: str) -> None:
    @settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.integers(0, 2**32))
    def judged(seed: int) -> None:
        package = tmp_path / "sip"
        package.write_bytes(MAKERS[maker](Random(seed)))  # noqa: S311 (no secret)
        assert child.judge(package).amiss == ""

    judged()


@pytest.mark.parametrize("shape", nasty_manifests.NASTY)
def test_no_manifest_that_is_all_one_thing_is_too_much(child: Child, tmp_path: Path, shape: str) -> None:
    package = a_container(tmp_path / "sip", [("manifest.xml", nasty_manifests.NASTY[shape](SIZE))])

    judged = child.judge(package)

    assert judged.amiss == ""
    assert judged.refused


@pytest.mark.parametrize("shape", nasty_containers.NASTY)
def test_no_container_that_is_all_one_thing_is_too_much(child: Child, tmp_path: Path, shape: str) -> None:
    package = tmp_path / "sip"
    package.write_bytes(nasty_containers.NASTY[shape](SIZE))

    judged = child.judge(package)

    assert judged.amiss == ""
    assert judged.refused
