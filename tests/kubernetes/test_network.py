"""Who reaches whom, by the NetworkPolicies of the manifests."""

from typing import Any

import pytest

from scripts.checks.manifests import Manifest, build_all

BUILDS = dict(build_all())
CLOSED = {"closed": [], "names": [53, 53]}
REDIS = {"to-redis": [6379]}
STORE = {"to-object-store": [443]}


@pytest.mark.parametrize("part", ["api", "worker"])
def test_api_and_worker_reach_only_redis_dns_and_their_store(part: str) -> None:
    labels = {"app.kubernetes.io/name": part}
    assert opened(BUILDS["cpu"], labels, "egress") == CLOSED | REDIS
    assert opened(BUILDS["cpu with s3"], labels, "egress") == CLOSED | REDIS | STORE
    assert opened(BUILDS["cpu with external-redis"], labels, "egress") == CLOSED | REDIS


def test_redis_reaches_nothing_and_only_api_and_worker_reach_it() -> None:
    labels = {"app.kubernetes.io/name": "redis"}
    assert opened(BUILDS["cpu"], labels, "egress") == CLOSED
    assert opened(BUILDS["cpu"], labels, "ingress") == {"closed": [], "redis": [6379]}
    [rule] = next(p for p in policies(BUILDS["cpu"]) if p["metadata"]["name"] == "redis")["spec"][
        "ingress"
    ]
    [peer] = rule["from"]
    assert [
        part
        for part in ("api", "worker", "redis", "weights")
        if selects(peer["podSelector"], {"app.kubernetes.io/name": part})
    ] == ["api", "worker"]
    assert set(peer) == {"podSelector"}, "pods of other namespaces"


def test_the_way_to_redis_leads_to_its_pod_and_nowhere_else() -> None:
    rules = next(p for p in policies(BUILDS["cpu"]) if p["metadata"]["name"] == "to-redis")
    [rule] = rules["spec"]["egress"]
    assert rule["to"] == [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "redis"}}}]


def test_workers_accept_no_connections_and_clients_reach_only_the_api() -> None:
    for part, ways in {"worker": {}, "weights": {}, "api": {"api": [8000]}}.items():
        labels = {"app.kubernetes.io/name": part}
        assert opened(BUILDS["cpu"], labels, "ingress") == {"closed": [], **ways}


def policies(manifests: list[Manifest]) -> list[Manifest]:
    return [manifest for manifest in manifests if manifest["kind"] == "NetworkPolicy"]


def opened(
    manifests: list[Manifest], labels: dict[str, str], direction: str
) -> dict[str, list[int]]:
    """The policies that hold for a pod, with the ports that each opens."""
    return {
        policy["metadata"]["name"]: [
            port["port"] for rule in policy["spec"].get(direction, []) for port in rule["ports"]
        ]
        for policy in policies(manifests)
        if direction.title() in policy["spec"]["policyTypes"]
        and selects(policy["spec"]["podSelector"], labels)
    }


def selects(selector: Any, labels: dict[str, str]) -> bool:
    return bool(selector.get("matchLabels", {}).items() <= labels.items()) and all(
        labels.get(rule["key"]) in rule["values"] for rule in selector.get("matchExpressions", [])
    )
