"""How many pods there may be, by what they are counted, and that the database has a connection for each."""

import re
from pathlib import Path

import pytest

from services.access import handlers as access
from services.data_management import handlers as data_management
from services.ingest import handlers as ingest
from services.storage import handlers as storage
from shared import metrics
from shared.messages.routes import ROUTES
from tests.deploy.manifests import OVERLAYS, Manifest, composed, of_kind, overlay, pod_of

every_overlay = pytest.mark.parametrize("name", OVERLAYS)

# Work that waits for hands; expiry and sweeping wait for their hour, and no worker more would end them sooner.
PRESSING = {
    "ingest": {ingest.PROCESS},
    "storage": {storage.WRITE, storage.VERIFY},
    "data_management": {data_management.CATALOGUE},
    "access": {access.BUILD},
}
# What others than rooms may need: the operator's own, replication, an administrator.
SPARE_CONNECTIONS = 20
POOL = "CHARTRIER_DATABASE_POOL"


def scaled(name: str) -> dict[str, tuple[int, int]]:
    """Deployment → fewest and most pods, of those that something scales."""
    found: dict[str, tuple[int, int]] = {}
    for scaler in of_kind(overlay(name), "HorizontalPodAutoscaler", "ScaledObject"):
        spec = scaler["spec"]
        target = spec["scaleTargetRef"]["name"]
        assert target not in found, f"{target} is scaled twice"
        fewest = spec.get("minReplicas", spec.get("minReplicaCount"))
        found[target] = (fewest, spec.get("maxReplicas", spec.get("maxReplicaCount")))
    return found


def ours(name: str) -> list[Manifest]:
    deployments = of_kind(overlay(name), "Deployment")
    return [one for one in deployments if "chartrier/room" in pod_of(one)["metadata"]["labels"]]


def test_in_production_everything_of_ours_is_scaled_and_has_a_second_one() -> None:
    limits = scaled("production")

    assert limits.keys() == {deployment["metadata"]["name"] for deployment in ours("production")}
    assert all(2 <= fewest <= most for fewest, most in limits.values())


@every_overlay
def test_nothing_says_how_many_where_a_scaler_decides(name: str) -> None:
    for deployment in ours(name):
        assert "replicas" not in deployment["spec"]


def test_the_fallback_scales_what_keda_would_as_far(tmp_path: Path) -> None:
    fallback = composed(tmp_path, "hpa-worker")
    by_keda = {
        one["metadata"]["name"]: one["spec"]["maxReplicaCount"]
        for one in of_kind(overlay("production"), "ScaledObject")
    }
    plain = {
        one["metadata"]["name"]: one["spec"]["maxReplicas"] for one in of_kind(fallback, "HorizontalPodAutoscaler")
    }

    assert plain == by_keda


def test_a_worker_is_scaled_by_queues_of_its_room_and_by_its_pressing_work() -> None:
    for scaler in of_kind(overlay("production"), "ScaledObject"):
        room = scaler["metadata"]["name"].removesuffix("-worker").replace("-", "_")
        metadata = [trigger["metadata"] for trigger in scaler["spec"]["triggers"]]
        queues = {one["queueName"] for one in metadata if "queueName" in one}
        queries = [one["query"] for one in metadata if "query" in one]

        assert queues
        assert queues <= {queue for queue in ROUTES if queue.startswith(f"{room}.")}
        assert len(queries) == (room in PRESSING)
        for query in queries:
            assert f'{metrics.WORK_ROWS._name}{{room="{room}",' in query  # noqa: SLF001 (it has no public name)
            kinds = re.search(r'kind=~?"([^"]+)"', query)
            assert kinds is not None
            assert set(kinds[1].split("|")) == PRESSING[room]


@every_overlay
def test_the_database_has_a_connection_for_every_pool_at_its_largest(name: str) -> None:
    (database,) = of_kind(overlay(name), "Cluster")
    (shared,) = (one for one in of_kind(overlay(name), "ConfigMap") if POOL in one.get("data", {}))
    limits = scaled(name)
    # While a version replaces another, there is one pod more of each.
    most = sum(limits.get(one["metadata"]["name"], (1, 1))[1] + 1 for one in ours(name))
    needed = most * int(shared["data"][POOL]) + SPARE_CONNECTIONS

    assert needed <= int(database["spec"]["postgresql"]["parameters"]["max_connections"])
