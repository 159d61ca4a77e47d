"""What the schemas cannot know: that the manifests fit each other, and the service."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from api.settings import ApiSettings
from scripts.checks.manifests import FOLDER, Manifest, build, build_all, faults
from worker.settings import WorkerSettings

BUILDS = dict(build_all())
SCALERS = {"HorizontalPodAutoscaler", "ScaledObject"}
POD_KINDS = {"Deployment", "StatefulSet", "Job"}


def of(manifests: list[Manifest], kind: str, name: str) -> Any:
    return next(m for m in manifests if (m["kind"], m["metadata"]["name"]) == (kind, name))


def of_settings(manifests: list[Manifest]) -> Any:
    return next(m for m in manifests if m["metadata"]["name"].startswith("settings-"))


def pods(manifests: list[Manifest]) -> Iterator[tuple[str, Any]]:
    for manifest in manifests:
        if manifest["kind"] in POD_KINDS:
            yield manifest["metadata"]["name"], manifest["spec"]["template"]


def containers(pod: Any) -> list[Any]:
    return [*pod["spec"]["containers"], *pod["spec"].get("initContainers", [])]


@pytest.fixture(params=BUILDS)
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    return copy.deepcopy(BUILDS[request.param])


@pytest.mark.parametrize(
    ("kind", "place", "value"),
    [
        ("Deployment", ["spec", "template", "spec", "terminationGracePeriod"], 45),
        ("Deployment", ["spec", "template", "spec", "terminationGracePeriodSeconds"], "45"),
        ("NetworkPolicy", ["spec", "egres"], []),
        ("PodDisruptionBudget", ["spec", "maxUnavailable"], [1]),
        ("ScaledObject", ["spec", "minReplicas"], 0),
        ("ScaledObject", ["spec", "triggers"], [{"type": "prometheus", "metadata": {"a": 1}}]),
        ("HorizontalPodAutoscaler", ["spec", "scaleTargetRef"], {"name": "api"}),
    ],
)
def test_a_slip_is_a_fault(kind: str, place: list[str], value: Any) -> None:
    manifest = copy.deepcopy(next(m for m in BUILDS["cpu"] if m["kind"] == kind))
    assert not faults(manifest)
    *way, last = place
    part = manifest
    for key in way:
        part = part[key]
    part[last] = value
    assert faults(manifest)


def test_no_pod_can_do_more_than_its_work(manifests: list[Manifest]) -> None:
    for _, pod in pods(manifests):
        assert pod["spec"]["automountServiceAccountToken"] is False
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
        assert pod["spec"]["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in containers(pod):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["limits"]["memory"]


def test_every_volume_and_map_that_a_pod_names_is_there(manifests: list[Manifest]) -> None:
    there = {(m["kind"], m["metadata"]["name"]) for m in manifests}
    there |= {("ConfigMap", ""), ("PersistentVolumeClaim", "")}
    for _, pod in pods(manifests):
        volumes = pod["spec"].get("volumes", [])
        for volume in volumes:
            claim = volume.get("persistentVolumeClaim", {}).get("claimName", "")
            config = volume.get("configMap", {}).get("name", "")
            assert {("PersistentVolumeClaim", claim), ("ConfigMap", config)} <= there
        for container in containers(pod):
            for source in container.get("envFrom", []):
                assert ("ConfigMap", source.get("configMapRef", {}).get("name", "")) in there
            mounts = {mount["name"] for mount in container["volumeMounts"]}
            assert mounts <= {*(volume["name"] for volume in volumes), "data"}


def test_every_selector_finds_a_pod(manifests: list[Manifest]) -> None:
    labels = [pod["metadata"]["labels"] for _, pod in pods(manifests)]
    selectors = [m["spec"]["selector"] for m in manifests if "selector" in m.get("spec", {})]
    assert len(selectors) >= 5
    for selector in selectors:
        wanted = selector.get("matchLabels", selector)
        assert any(wanted.items() <= some.items() for some in labels), selector


def test_what_scales_leads_to_a_deployment(manifests: list[Manifest]) -> None:
    targets = [m["spec"]["scaleTargetRef"]["name"] for m in manifests if m["kind"] in SCALERS]
    assert sorted(targets) == ["api", "worker"]
    assert {of(manifests, "Deployment", name)["kind"] for name in targets} == {"Deployment"}


def test_every_setting_is_one(manifests: list[Manifest]) -> None:
    known = {name.upper() for name in (*WorkerSettings.model_fields, *ApiSettings.model_fields)}
    named = set(of_settings(manifests)["data"])
    for _, pod in pods(manifests):
        for container in containers(pod):
            named |= {entry["name"] for entry in container.get("env", [])}
    assert named <= {*known, "REDIS_PASSWORD", "NVIDIA_DRIVER_CAPABILITIES"}


def test_scaled_deployments_have_no_fixed_replicas(manifests: list[Manifest]) -> None:
    for name in ("api", "worker"):
        assert "replicas" not in of(manifests, "Deployment", name)["spec"]


def test_every_pod_has_enough_time_to_stop(manifests: list[Manifest]) -> None:
    worker = of(manifests, "Deployment", "worker")["spec"]["template"]["spec"]
    item_s = WorkerSettings.model_fields["item_timeout_s"].default
    decoding_and_inference = 2
    assert worker["terminationGracePeriodSeconds"] >= decoding_and_inference * item_s + 10
    api = of(manifests, "Deployment", "api")["spec"]["template"]["spec"]
    leaves_s = int(api["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    command = (FOLDER.parents[1] / "api" / "Dockerfile").read_text()
    drains_s = int(command.partition('--timeout-graceful-shutdown", "')[2].partition('"')[0])
    assert api["terminationGracePeriodSeconds"] >= leaves_s + drains_s + 5


def test_an_api_without_workers_stays_in_the_service(manifests: list[Manifest]) -> None:
    probes = of(manifests, "Deployment", "api")["spec"]["template"]["spec"]["containers"][0]
    assert probes["readinessProbe"]["httpGet"]["path"] == "/health/ready?for=jobs"
    assert probes["livenessProbe"]["httpGet"]["path"] == "/health/live"


def test_the_job_that_fetches_weights_is_in_the_way_of_no_later_apply(
    manifests: list[Manifest],
) -> None:
    assert of(manifests, "Job", "weights")["spec"]["ttlSecondsAfterFinished"] <= 300


def test_a_gpu_worker_has_a_gpu() -> None:
    worker = of(build(FOLDER / "overlays/gpu"), "Deployment", "worker")
    container = worker["spec"]["template"]["spec"]["containers"][0]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    env = {entry["name"]: entry.get("value") for entry in container["env"]}
    assert env["DEVICE"] == "cuda"
    # or the driver's libraries that a worker uses may be missing
    assert env["NVIDIA_DRIVER_CAPABILITIES"] == "compute,utility"
    assert {"REDIS_URL", "REDIS_PASSWORD"} <= set(env)


def test_workers_on_one_node_do_not_each_take_all_its_processors() -> None:
    worker = of(BUILDS["cpu"], "Deployment", "worker")
    resources = worker["spec"]["template"]["spec"]["containers"][0]["resources"]
    assert resources["limits"]["cpu"] == resources["requests"]["cpu"]


@pytest.mark.parametrize("overlay", ["cpu", "gpu"])
def test_an_external_redis_leaves_none_inside(overlay: str) -> None:
    manifests = BUILDS[f"{overlay} with external-redis"]
    kinds = {m["kind"] for m in manifests if m["metadata"]["name"].startswith("redis")}
    assert kinds == set()
    for name in ("api", "worker"):
        pod = of(manifests, "Deployment", name)["spec"]["template"]["spec"]
        env = {entry.pop("name"): entry for entry in copy.deepcopy(pod["containers"][0]["env"])}
        assert env["REDIS_URL"] == {"valueFrom": {"secretKeyRef": {"name": "redis", "key": "url"}}}
        assert "REDIS_PASSWORD" not in env
