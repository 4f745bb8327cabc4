"""Who comes in from other namespaces and whom our pods reach there; what Prometheus reads, it may and can."""

import re
from collections.abc import Iterator

import pytest

from tests.deploy.manifests import OVERLAYS, Manifest, labels_of, of_kind, overlay, pods, selects
from tests.deploy.test_network import OPERATED, everyone, port_in, rooms_in, rules_for

every_overlay = pytest.mark.parametrize("name", OVERLAYS)

# The Service that the operator makes for clients of the broker, by its documentation.
BROKER_SERVICE = {"app.kubernetes.io/name": "chartrier-broker", "app.kubernetes.io/component": "rabbitmq"}
BROKER_PORTS = {"amqp", "management", "prometheus"}

Reach = tuple[str, str, int | str]


def outside(name: str, way: str) -> set[Reach]:
    """Return every (namespace, pod of ours, port) that policies let in (`ingress`) or out (`egress`)."""
    policies = of_kind(overlay(name), "NetworkPolicy")
    return {
        (space, pod, opened["port"])
        for pod, labels in everyone(name).items()
        for rule in rules_for(policies, labels, way)
        for space in spaces(rule)
        for opened in rule["ports"]
    }


def spaces(rule: Manifest) -> Iterator[str]:
    for peer in (*rule.get("from", ()), *rule.get("to", ())):
        if "namespaceSelector" in peer:
            yield peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]


def roles(name: str, *which: str) -> set[str]:
    return {pod for pod, labels in everyone(name).items() if labels.get("chartrier/role") in which}


@every_overlay
def test_from_other_namespaces_come_those_that_have_business_here_and_nobody_else(name: str) -> None:
    expected: set[Reach] = {("ingress", pod, "http") for pod in roles(name, "api")}
    expected |= {("monitoring", pod, "http") for pod in rooms_in(everyone(name))}
    expected |= {("monitoring", "RabbitmqCluster", 15692), ("monitoring", "Cluster", 9187)}
    expected |= {("keda", "RabbitmqCluster", 5672), ("rabbitmq-system", "RabbitmqCluster", 15672)}
    expected |= {("cnpg-system", "Cluster", 5432), ("cnpg-system", "Cluster", 8000)}

    assert outside(name, "ingress") == expected
    assert rooms_in(everyone(name)).keys() == roles(name, "api", "worker")


@every_overlay
def test_everybody_asks_for_names_and_rooms_alone_tell_of_their_traces(name: str) -> None:
    expected: set[Reach] = {("kube-system", pod, 53) for pod in everyone(name)}
    if name == "production":
        expected |= {("monitoring", pod, 4318) for pod in rooms_in(everyone(name))}
        assert ":4318" in next(
            one["data"]["CHARTRIER_OTLP_ENDPOINT"]
            for one in of_kind(overlay(name), "ConfigMap")
            if "CHARTRIER_OTLP_ENDPOINT" in one.get("data", {})
        )

    assert outside(name, "egress") == expected


@every_overlay
def test_names_are_asked_for_over_both_protocols(name: str) -> None:
    (policy,) = (one for one in of_kind(overlay(name), "NetworkPolicy") if one["metadata"]["name"] == "ask-dns")
    (rule,) = policy["spec"]["egress"]

    assert {port["protocol"] for port in rule["ports"]} == {"UDP", "TCP"}
    assert port_in(rule, 53)


# --- What Prometheus reads ------------------------------------------------------------------------------------------


def monitor(which: str) -> Manifest:
    found = of_kind(overlay("production"), "ServiceMonitor")
    assert {one["metadata"]["name"] for one in found} == {"chartrier", "chartrier-broker"}
    return next(one for one in found if one["metadata"]["name"] == which)


def meta(prefix: str, written: str) -> str:
    """Return the label by which Prometheus knows an annotation or a label of a pod."""
    return f"__meta_kubernetes_pod_{prefix}_" + re.sub(r"[^a-zA-Z0-9_]", "_", written)


def test_prometheus_finds_every_pod_of_every_room_once_by_the_services_that_there_are() -> None:
    spec = monitor("chartrier")["spec"]
    chosen = [one for one in of_kind(overlay("production"), "Service") if selects(spec["selector"], labels_of(one))]
    (endpoint,) = spec["endpoints"]
    led_to = [
        pod
        for service in chosen
        for pod, labels in everyone("production").items()
        if selects({"matchLabels": service["spec"]["selector"]}, labels)
    ]

    assert sorted(led_to) == sorted(rooms_in(everyone("production")))
    for service in chosen:
        assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}


def test_prometheus_reads_the_path_that_each_pod_says_and_notes_its_role() -> None:
    (endpoint,) = monitor("chartrier")["spec"]["endpoints"]
    taken = {one["targetLabel"]: one["sourceLabels"] for one in endpoint["relabelings"]}

    assert taken == {
        "__metrics_path__": [meta("annotation", "chartrier/metrics")],
        "role": [meta("label", "chartrier/role")],
    }
    rooms = rooms_in(everyone("production"))
    for workload, pod in pods(overlay("production")):
        if workload in rooms:
            assert pod["metadata"]["annotations"]["chartrier/metrics"] == f"/{rooms[workload]}/metrics"
            assert pod["metadata"]["labels"]["chartrier/role"] in {"api", "worker"}


def test_prometheus_reads_the_broker_by_the_service_that_its_operator_makes() -> None:
    spec = monitor("chartrier-broker")["spec"]

    assert selects(spec["selector"], BROKER_SERVICE)
    assert {endpoint["port"] for endpoint in spec["endpoints"]} <= BROKER_PORTS
    assert BROKER_SERVICE["app.kubernetes.io/name"] == OPERATED["RabbitmqCluster"]["app.kubernetes.io/name"]
    assert of_kind(overlay("production"), "RabbitmqCluster")[0]["metadata"]["name"] == "chartrier-broker"
