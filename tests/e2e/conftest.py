"""The two ways to run the archive, each started once for these tests, and stopped when the last of them is done:
they would go on looking for work, a tenth of a machine, beside all that comes after."""

import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import services
from services.local import ports, postgres, processes, stack
from services.local.settings import room_environment
from shared.rooms import ROOMS
from tests.e2e.collector import Collector, collecting
from tests.servers import careless
from trials.towns import Archive

WEBHOOKS = {"CHARTRIER_WEBHOOK_HTTP": "true", "CHARTRIER_WEBHOOK_NETWORKS": '["127.0.0.0/8"]'}
"""Receivers of tests are on loopback, in clear."""


class AllInOne:
    """The all-in-one process of a folder; may be killed and started again on the same state."""

    def __init__(self, home: Path) -> None:
        self.home = home
        (self.port,) = ports.free_ports(1)
        self.base_url = f"http://127.0.0.1:{self.port}"
        # Whatever they say at their most talkative, logs name nobody (test_nothing_personal.py).
        self.told: dict[str, str] = {"CHARTRIER_LOG_LEVEL": "DEBUG", **WEBHOOKS}
        self.mark: processes.Mark | None = None

    def start(self) -> None:
        environment = {
            **room_environment(),
            "PYTHONPATH": str(Path(services.__file__).parents[1]),
            "CHARTRIER_HOME": str(self.home),
            "CHARTRIER_PORT": str(self.port),
            **self.told,
        }
        log = self.home / "all-in-one.log"
        command = (sys.executable, "-m", "services", "all-in-one")
        self.mark = processes.spawn(
            processes.Launch(command, environment, self.home, self.home / "all-in-one.pid", log)
        )
        processes.wait_until(self.is_ready, processes.Wait("The all-in-one", log, 60.0, self.mark))
        server = postgres.running(self.home / "all-in-one" / "postgres")
        assert server is not None
        careless(server)

    def is_ready(self) -> bool:
        try:
            with httpx.Client(base_url=self.base_url, timeout=5.0) as door:
                rooms = ROOMS
                ready = all(door.get(f"/{room}/health/ready").status_code == 200 for room in rooms)
                return ready and (self.home / "admin-client.json").exists()
        except httpx.HTTPError:
            return False

    def kill(self) -> None:
        if self.mark is not None:
            processes.kill(self.mark)

    def stop(self) -> None:
        if self.mark is not None:
            processes.terminate(self.mark, grace=30.0)

    @property
    def archive(self) -> Archive:
        return Archive("all-in-one", self.base_url, self.home / "admin-client.json")


@pytest.fixture(scope="package")
def all_in_one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AllInOne]:
    running = AllInOne(tmp_path_factory.mktemp("all-in-one"))
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="package")
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


@pytest.fixture(scope="package")
def full_stack(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[stack.Stack]:
    home = tmp_path_factory.mktemp("full-stack")
    (port,) = ports.free_ports(1)
    try:
        running = stack.up(home, port, stack.Plan(also={"CHARTRIER_OTLP_ENDPOINT": collector.endpoint, **WEBHOOKS}))
        careless(running.start_postgres())
        yield running
    finally:
        stack.down(home)


@pytest.fixture(scope="package", params=["all-in-one", "full-stack"])
def archive(request: pytest.FixtureRequest) -> Archive:
    """The same story is told on both."""
    if request.param == "all-in-one":
        one: AllInOne = request.getfixturevalue("all_in_one")
        return one.archive
    full: stack.Stack = request.getfixturevalue("full_stack")
    return Archive("full-stack", full.base_url, full.home / "admin-client.json")


@pytest.fixture(scope="package")
def one(all_in_one: AllInOne) -> Archive:
    """Where the code behind the doors is asked at length: it is the same in both."""
    return all_in_one.archive
