"""Who may speak to whom: exactly those whom the code makes speak."""

import ast
from collections.abc import Iterator
from functools import cache

import pytest

from shared.rooms import ROOMS
from tests.deploy.manifests import OVERLAYS, ROOT, Manifest, name_of, of_kind, overlay, pods, selects

every_overlay = pytest.mark.parametrize("name", OVERLAYS)

# Pods that operators make, with the labels that their documentation gives.
OPERATED = {
    "Cluster": {"cnpg.io/cluster": "chartrier-db"},
    "RabbitmqCluster": {"app.kubernetes.io/name": "chartrier-broker", "app.kubernetes.io/component": "rabbitmq"},
}
NAMESPACES = {"kube-system", "ingress", "monitoring", "cnpg-system", "rabbitmq-system", "keda"}
# The methods of shared/calls.py:RoomCalls.
ASKING = frozenset({"get_json", "stream"})
HTTP, DATABASE, BROKER, SCANNER = "http", 5432, 5672, "clamd"


@cache
def asked_by(room: str) -> frozenset[str]:
    """Which rooms a room asks over HTTP, as its code names them; all ask admin for its keys (shared/room.py)."""
    return frozenset({"admin", *calls_of(room)})


def calls_of(room: str) -> Iterator[str]:
    for module in sorted((ROOT / "services" / room).rglob("*.py")):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                first = node.args[0]
                if node.func.attr in ASKING and isinstance(first, ast.Constant) and first.value in ROOMS:
                    yield str(first.value)


def everyone(name: str) -> dict[str, dict[str, str]]:
    """Every pod there will be, ours or an operator's: workload → labels."""
    ours = {workload: pod["metadata"]["labels"] for workload, pod in pods(overlay(name))}
    kinds = {manifest["kind"] for manifest in overlay(name)}
    return ours | {kind: labels for kind, labels in OPERATED.items() if kind in kinds}


def may(name: str, speaker: dict[str, str], hearer: dict[str, str], port: int | str) -> bool:
    """Tell whether policies let one pod open a connection to another: it may leave, and it may come in."""
    policies = of_kind(overlay(name), "NetworkPolicy")
    out = [rule for rule in rules_for(policies, speaker, "egress") if port_in(rule, port)]
    into = [rule for rule in rules_for(policies, hearer, "ingress") if port_in(rule, port)]
    leaves = any(peer_is(peer, hearer) for rule in out for peer in rule["to"])
    comes_in = any(peer_is(peer, speaker) for rule in into for peer in rule["from"])
    return leaves and comes_in


def rules_for(policies: list[Manifest], labels: dict[str, str], way: str) -> Iterator[Manifest]:
    for policy in policies:
        if selects(policy["spec"]["podSelector"], labels):
            yield from policy["spec"].get(way, ())


def port_in(rule: Manifest, port: int | str) -> bool:
    return port in {opened["port"] for opened in rule["ports"]}


def peer_is(peer: Manifest, labels: dict[str, str]) -> bool:
    """Tell whether a peer of the same namespace is meant."""
    return "podSelector" in peer and "namespaceSelector" not in peer and selects(peer["podSelector"], labels)


def pairs(name: str, port: int | str) -> set[tuple[str, str]]:
    """Every pair of workloads that may speak on a port."""
    there = everyone(name)
    return {
        (speaker, hearer)
        for speaker, speaks in there.items()
        for hearer, hears in there.items()
        if may(name, speaks, hears, port)
    }


def rooms_in(pods_there: dict[str, dict[str, str]]) -> dict[str, str]:
    return {
        workload: labels["chartrier/room"] for workload, labels in pods_there.items() if "chartrier/room" in labels
    }


@every_overlay
def test_whoever_no_policy_names_is_alone(name: str) -> None:
    (deny,) = (one for one in of_kind(overlay(name), "NetworkPolicy") if one["metadata"]["name"] == "default-deny")

    assert deny["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


@every_overlay
def test_rooms_ask_those_that_their_code_asks_and_no_others(name: str) -> None:
    there = everyone(name)
    rooms = rooms_in(there)
    expected = {
        (speaker, hearer)
        for speaker, room in rooms.items()
        for hearer, asked in rooms.items()
        if asked in asked_by(room) and there[hearer]["chartrier/role"] == "api"
    }

    assert pairs(name, HTTP) == expected
    assert ("Deployment/access-worker", "Deployment/storage-api") in expected


@every_overlay
def test_rooms_and_migrations_reach_the_database_and_rooms_alone_the_broker(name: str) -> None:
    rooms = set(rooms_in(everyone(name)))
    within = {("Cluster", "Cluster")}

    assert pairs(name, DATABASE) - within == {(one, "Cluster") for one in (*rooms, "Job/migrate")}
    assert pairs(name, BROKER) == {(one, "RabbitmqCluster") for one in rooms}


def test_ingest_alone_reaches_the_antivirus() -> None:
    assert pairs("production", SCANNER) == {
        ("Deployment/ingest-api", "Deployment/clamav"),
        ("Deployment/ingest-worker", "Deployment/clamav"),
    }


@every_overlay
def test_every_room_has_a_policy_of_its_own(name: str) -> None:
    labels = [
        policy["spec"]["podSelector"].get("matchLabels", {}) for policy in of_kind(overlay(name), "NetworkPolicy")
    ]

    assert {chosen["chartrier/room"] for chosen in labels if "chartrier/room" in chosen} == set(ROOMS)


@every_overlay
def test_only_those_that_have_stores_authorities_signatures_or_webhooks_may_leave_the_cluster(name: str) -> None:
    there = everyone(name)
    policies = of_kind(overlay(name), "NetworkPolicy")
    leaving = {
        workload
        for workload, labels in there.items()
        if any("ipBlock" in peer for rule in rules_for(policies, labels, "egress") for peer in rule["to"])
    }
    rooms = rooms_in(there)
    with_stores = {workload for workload, room in rooms.items() if room in {"ingest", "storage", "access"}}

    with_stores |= {"Deployment/proof-worker"}  # staging, time-stampers, time servers; its API asks none of them
    assert leaving == with_stores | {"Deployment/admin-worker"} | (there.keys() & {"Deployment/clamav", *OPERATED})


@every_overlay
def test_every_peer_of_a_policy_is_somebody(name: str) -> None:
    there = everyone(name)
    for policy in of_kind(overlay(name), "NetworkPolicy"):
        spec = policy["spec"]
        assert not spec["podSelector"] or any(selects(spec["podSelector"], labels) for labels in there.values())
        rules = [*spec.get("egress", ()), *spec.get("ingress", ())]
        for peer in (peer for rule in rules for peer in (*rule.get("to", ()), *rule.get("from", ()))):
            if "namespaceSelector" in peer:
                assert peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] in NAMESPACES
            elif "podSelector" in peer:
                assert any(selects(peer["podSelector"], labels) for labels in there.values()), name_of(policy)
            else:
                assert peer.keys() == {"ipBlock"}


@every_overlay
def test_every_port_of_a_policy_is_named_or_open(name: str) -> None:
    opened = {
        port["name"] for _, pod in pods(overlay(name)) for port in pod["spec"]["containers"][0].get("ports", ())
    }
    numbers = {53, 80, 123, 443, 6443, 5432, 8000, 9187, 4369, 5672, 15672, 15692, 25672, 4318}
    for policy in of_kind(overlay(name), "NetworkPolicy"):
        for rule in (*policy["spec"].get("egress", ()), *policy["spec"].get("ingress", ())):
            for port in rule["ports"]:
                assert port["port"] in opened | numbers, name_of(policy)


def test_the_front_door_leads_to_every_room_and_to_nothing_that_is_not_for_the_outside() -> None:
    (front,) = of_kind(overlay("production"), "Ingress")
    ports = {
        (service["metadata"]["name"], port["name"])
        for service in of_kind(overlay("production"), "Service")
        for port in service["spec"]["ports"]
    }
    paths = {}
    for path in front["spec"]["rules"][0]["http"]["paths"]:
        backend = path["backend"]["service"]
        assert (backend["name"], backend["port"]["name"]) in ports
        assert backend["name"] == path["path"].split("/")[1].replace("_", "-") + "-api"
        paths[path["path"]] = path["pathType"]

    assert {path for path, kind in paths.items() if kind == "Prefix"} == {f"/{room}/v1" for room in ROOMS}
    assert not [path for path in paths if "health" in path or "metrics" in path]


def test_a_deposit_is_neither_bounded_nor_held_on_its_way() -> None:
    (front,) = of_kind(overlay("production"), "Ingress")
    words = {key.partition("/")[2]: value for key, value in front["metadata"]["annotations"].items()}

    assert words["proxy-body-size"] == "0"
    assert words["proxy-request-buffering"] == words["proxy-buffering"] == "off"
    assert int(words["proxy-read-timeout"]) >= 60  # a room may itself wait that long for another (shared/calls.py)
