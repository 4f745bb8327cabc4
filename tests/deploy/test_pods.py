"""Our own policy for pods: what they may do, how they are watched and stopped, and what they are made of."""

import ast
from collections.abc import Iterator

import pytest

from shared.messaging.workers import RELEASE_SECONDS
from shared.rooms import ROOMS
from shared.serving import SHUTDOWN_SECONDS
from tests.deploy.manifests import (
    OVERLAYS,
    ROOT,
    Manifest,
    containers,
    name_of,
    of_kind,
    overlay,
    pod_of,
    pods,
    selects,
)

UID = 10001
MARGIN_SECONDS = 10

every_overlay = pytest.mark.parametrize("name", OVERLAYS)


def rooms_of(name: str) -> Iterator[tuple[str, str, Manifest]]:
    """Give room, role and Deployment of each of ours."""
    for deployment in of_kind(overlay(name), "Deployment"):
        labels = pod_of(deployment)["metadata"]["labels"]
        if "chartrier/room" in labels:
            yield labels["chartrier/room"], labels["chartrier/role"], deployment


def hears(room: str) -> bool:
    """Tell whether a room has consumers or work of its own, as its wiring says."""
    tree = ast.parse((ROOT / "services" / room / "wiring.py").read_text(encoding="utf-8"))
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return any(isinstance(call, ast.Name) and call.id in {"Consumer", "WorkLoop"} for call in calls)


# --- What a pod may do --------------------------------------------------------------------------------------------


@every_overlay
def test_no_pod_is_root_nor_has_a_token_nor_anything_of_its_node(name: str) -> None:
    for workload, pod in pods(overlay(name)):
        spec, security = pod["spec"], pod["spec"]["securityContext"]
        assert security["runAsNonRoot"] is True, workload
        assert security["runAsUser"] > 0, workload
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, workload
        assert spec["automountServiceAccountToken"] is False, workload
        assert spec["serviceAccountName"] != "default", workload
        assert not spec.keys() & {"hostNetwork", "hostPID", "hostIPC"}, workload
        assert all("hostPath" not in volume for volume in spec.get("volumes", ())), workload


@every_overlay
def test_no_container_may_gain_rights_or_write_where_it_is_not_told(name: str) -> None:
    for workload, pod in pods(overlay(name)):
        for container in containers(pod):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, workload
            assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]}, workload  # noqa: S108


@every_overlay
def test_the_broker_s_containers_are_such_as_a_restricted_namespace_takes(name: str) -> None:
    (broker,) = of_kind(overlay(name), "RabbitmqCluster")
    (namespace,) = of_kind(overlay(name), "Namespace")
    pod = broker["spec"]["override"]["statefulSet"]["spec"]["template"]

    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert pod["spec"]["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    # The two that the operator makes, by its own names; it fills in the rest.
    assert {one["name"] for one in containers(pod)} == {"setup-container", "rabbitmq"}
    for container in containers(pod):
        assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


@every_overlay
def test_what_may_be_written_has_a_bound(name: str) -> None:
    for workload, pod in pods(overlay(name)):
        for volume in pod["spec"]["volumes"]:
            # A Secret is not written in, whatever its mount says.
            bounded = volume.get("emptyDir", {}).get("sizeLimit") or volume.get("ephemeral") or volume.get("secret")
            assert bounded, f"{workload}: {volume['name']}"


@every_overlay
def test_every_container_asks_for_what_it_needs_and_has_a_limit(name: str) -> None:
    for workload, pod in pods(overlay(name)):
        for container in containers(pod):
            asked, most = container["resources"]["requests"], container["resources"]["limits"]
            assert asked.keys() == {"cpu", "memory", "ephemeral-storage"}, workload
            # No limit of CPU: throttling an event loop would cost leases; requests share what there is.
            assert most.keys() == {"memory", "ephemeral-storage"}, workload


@every_overlay
def test_every_image_is_of_a_version(name: str) -> None:
    images = [container["image"] for _, pod in pods(overlay(name)) for container in containers(pod)]
    images += [cluster["spec"]["imageName"] for cluster in of_kind(overlay(name), "Cluster")]
    images += [cluster["spec"]["image"] for cluster in of_kind(overlay(name), "RabbitmqCluster")]
    for image in images:
        path, _, tag = image.rpartition(":")
        assert "@sha256:" in image or (path and tag and not tag.startswith("latest")), image
        assert "." in path.partition("/")[0], f"{image} names no registry"


# --- The image and what it is told to be ----------------------------------------------------------------------------


@every_overlay
def test_one_image_is_every_room_in_every_role_that_it_has(name: str) -> None:
    ours = list(rooms_of(name))
    roles = {(room, role) for room, role, _ in ours}
    images = {container["image"] for _, _, deployment in ours for container in containers(pod_of(deployment))}

    assert roles == {(room, "api") for room in ROOMS} | {(room, "worker") for room in ROOMS if hears(room)}
    assert len(images) == 1
    for room, role, deployment in ours:
        (container,) = containers(pod_of(deployment))
        assert container["args"] == [f"services.{room}", role]
        assert pod_of(deployment)["spec"]["securityContext"]["runAsUser"] == UID


@every_overlay
def test_probes_ask_the_room_itself(name: str) -> None:
    for room, _, deployment in rooms_of(name):
        (container,) = containers(pod_of(deployment))
        paths = {probe: container[probe]["httpGet"]["path"] for probe in container if probe.endswith("Probe")}
        assert paths == {
            "startupProbe": f"/{room}/health/live",
            "livenessProbe": f"/{room}/health/live",
            "readinessProbe": f"/{room}/health/ready",
        }
        assert pod_of(deployment)["metadata"]["annotations"]["chartrier/metrics"] == f"/{room}/metrics"
        ports = {container[probe]["httpGet"]["port"] for probe in paths}
        assert ports == {port["name"] for port in container["ports"]} == {"http"}


@every_overlay
def test_a_deployment_that_is_not_ours_is_watched_too(name: str) -> None:
    for deployment in of_kind(overlay(name), "Deployment"):
        for container in containers(pod_of(deployment)):
            assert container.keys() >= {"startupProbe", "livenessProbe", "readinessProbe"}, name_of(deployment)


@every_overlay
def test_a_pod_is_given_the_time_that_the_code_takes_to_end(name: str) -> None:
    for room, role, deployment in rooms_of(name):
        spec = pod_of(deployment)["spec"]
        before = spec["containers"][0].get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        code = SHUTDOWN_SECONDS + RELEASE_SECONDS
        assert spec["terminationGracePeriodSeconds"] >= before + code + MARGIN_SECONDS, (room, role)
        assert bool(before) == (role == "api"), "those that are sent requests leave their Service first"


# --- What stands around a Deployment --------------------------------------------------------------------------------


@every_overlay
def test_every_deployment_and_the_broker_have_a_disruption_budget_of_their_own(name: str) -> None:
    budgets = of_kind(overlay(name), "PodDisruptionBudget")
    disrupted = {
        one["metadata"]["name"]: pod_of(one)["metadata"]["labels"] for one in of_kind(overlay(name), "Deployment")
    }
    # The database has one from its operator, the broker none.
    brokers = of_kind(overlay(name), "RabbitmqCluster")
    disrupted |= {one["metadata"]["name"]: {"app.kubernetes.io/name": one["metadata"]["name"]} for one in brokers}
    for workload, labels in disrupted.items():
        own = [budget for budget in budgets if selects(budget["spec"]["selector"], labels)]
        assert len(own) == 1, workload
        assert own[0]["spec"]["maxUnavailable"] == 1
    assert len(brokers) == 1
    assert len(budgets) == len(disrupted)


@every_overlay
def test_every_deployment_is_spread_over_zones_and_nodes_and_replaced_without_a_gap(name: str) -> None:
    for deployment in of_kind(overlay(name), "Deployment"):
        labels = pod_of(deployment)["metadata"]["labels"]
        assert selects(deployment["spec"]["selector"], labels), name_of(deployment)
        spread = pod_of(deployment)["spec"]["topologySpreadConstraints"]
        assert all(selects(rule["labelSelector"], labels) for rule in spread), name_of(deployment)
        keys = {rule["topologyKey"] for rule in spread}
        assert "kubernetes.io/hostname" in keys
        assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_rooms_are_spread_over_zones() -> None:
    for room, role, deployment in rooms_of("production"):
        keys = {rule["topologyKey"] for rule in pod_of(deployment)["spec"]["topologySpreadConstraints"]}
        assert "topology.kubernetes.io/zone" in keys, (room, role)


@every_overlay
def test_every_service_leads_to_pods_and_to_a_port_that_they_open(name: str) -> None:
    templates = [pod for _, pod in pods(overlay(name))]
    for service in of_kind(overlay(name), "Service"):
        chosen = {"matchLabels": service["spec"]["selector"]}
        led_to = [pod for pod in templates if selects(chosen, pod["metadata"]["labels"])]
        assert led_to, name_of(service)
        for port in service["spec"]["ports"]:
            for pod in led_to:
                assert port["targetPort"] in {opened["name"] for opened in pod["spec"]["containers"][0]["ports"]}


@every_overlay
def test_every_pod_has_the_account_that_it_names(name: str) -> None:
    accounts = {account["metadata"]["name"]: account for account in of_kind(overlay(name), "ServiceAccount")}
    named = {pod["spec"]["serviceAccountName"] for _, pod in pods(overlay(name))}

    assert named == accounts.keys()
    assert all(account["automountServiceAccountToken"] is False for account in accounts.values())


# --- Migrations first -----------------------------------------------------------------------------------------------

FIRST = "migrate"


@every_overlay
def test_what_migrations_need_is_applied_with_them_before_the_rest(name: str) -> None:
    phase = [
        manifest
        for manifest in overlay(name)
        if manifest["metadata"].get("labels", {}).get("chartrier/phase") == FIRST
    ]
    names = {name_of(manifest) for manifest in phase}
    (job,) = of_kind(phase, "Job")
    secret = pod_of(job)["spec"]["containers"][0]["envFrom"][0]["secretRef"]["name"]

    assert names >= {"ServiceAccount/migrate", "Cluster/chartrier-db"}
    assert names >= {f"NetworkPolicy/{which}" for which in ("default-deny", "ask-dns", "ask-database", "database")}
    assert names & {f"Secret/{secret}", f"ExternalSecret/{secret}"}
    assert not of_kind(phase, "Deployment")
    assert pod_of(job)["spec"]["containers"][0]["args"] == ["services", "migrate"]


def test_every_room_has_somebody_to_hear_for_it() -> None:
    assert [room for room in ROOMS if not hears(room)] == []
