"""KEDA's queries, as the manifests have them, asked of a real Prometheus over the real service."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from scripts.checks.manifests import FOLDER, build
from shared.redis_client import connect
from tests.support.api_process import ApiProcess
from tests.support.photos import jpeg
from tests.support.prometheus import Prometheus
from tests.support.redis_server import RedisServer
from tests.support.served import eventually
from tests.support.worker_process import WorkerProcess

SCRAPED_WITHIN_S = 10


class NoFigures(Exception):
    """KEDA takes that for an error of the trigger."""


class Scaler:
    """Asks as KEDA does: a trigger's query is one number, or none."""

    def __init__(self, apis: list[ApiProcess], prometheus: Prometheus) -> None:
        self.apis = apis
        self.api = apis[0]
        self.prometheus = prometheus
        manifest = next(m for m in build(FOLDER / "overlays/cpu") if m["kind"] == "ScaledObject")
        self.triggers = {
            trigger["name"]: trigger["metadata"] for trigger in manifest["spec"]["triggers"]
        }

    def value(self, name: str) -> float:
        found = self.prometheus.query(self.triggers[name]["query"])
        assert len(found) <= 1, "KEDA refuses a query with more than one answer"
        if not found and self.triggers[name].get("ignoreNullValues", "true") == "true":
            return 0.0
        if not found:
            raise NoFigures
        return float(found[0]["value"][1])

    def active(self, name: str) -> bool:
        return self.value(name) > float(self.triggers[name]["activationThreshold"])

    def fails(self, name: str) -> bool:
        """So that KEDA counts it, and falls back."""
        try:
            self.value(name)
        except NoFigures:
            return True
        return False


@pytest.fixture
def scaler(tmp_path: Path) -> Iterator[Scaler]:
    """Redis, two apis and Prometheus; no worker."""
    with ExitStack() as stack:
        server = RedisServer(tmp_path)
        server.start()
        stack.callback(server.kill)
        apis = []
        for name in ("first", "second"):
            (tmp_path / name).mkdir()
            apis.append(stack.enter_context(ApiProcess(server.url, tmp_path / name)))
        prometheus = Prometheus(tmp_path, *(api.url.removeprefix("http://") for api in apis))
        stack.callback(prometheus.stop)
        scaler = Scaler(apis, prometheus)
        eventually(lambda: len(prometheus.query("classifier_broker_up == 1")) == len(apis), 20)
        eventually(lambda: not any(map(scaler.fails, scaler.triggers)), SCRAPED_WITHIN_S)
        yield scaler


def test_waiting_photos_scale_workers_up_from_zero_and_back(scaler: Scaler, tmp_path: Path) -> None:
    assert not any(map(scaler.active, scaler.triggers))
    answer = scaler.api.client.post("/jobs", files=[("files", jpeg())] * 30)
    assert answer.status_code == 202
    told = 'classifier_queue_items{queue="batch"} == 30'
    eventually(lambda: len(scaler.prometheus.query(told)) == len(scaler.apis), SCRAPED_WITHIN_S)
    assert scaler.value("length") == 30, "counted once, whichever api reports it"
    eventually(lambda: scaler.value("age") > 2, SCRAPED_WITHIN_S)

    env = {"REDIS_URL": scaler.api.redis_url, "UPLOADS_URL": scaler.api.uploads.as_uri()}
    with WorkerProcess(env, tmp_path / "worker.log") as worker:
        with connect(scaler.api.redis_url, 2) as client:
            worker.wait_ready(client)
        eventually(lambda: not any(map(scaler.active, scaler.triggers)), 30)
        job = scaler.api.client.get(answer.headers["location"]).json()
    assert job["counts"]["succeeded"] == 30


def test_a_worker_that_holds_a_photo_is_not_scaled_down(scaler: Scaler, tmp_path: Path) -> None:
    env = {"REDIS_URL": scaler.api.redis_url, "UPLOADS_URL": scaler.api.uploads.as_uri()}
    with WorkerProcess({**env, "SCRIPTED_SERVICE_TIME_S": "8"}, tmp_path / "worker.log") as worker:
        with connect(scaler.api.redis_url, 2) as client:
            worker.wait_ready(client)
        scaler.api.client.post("/jobs", files=[("files", jpeg())])
        eventually(lambda: scaler.value("age") == 0 and scaler.active("length"), SCRAPED_WITHIN_S)


def test_a_photo_refused_for_lack_of_workers_starts_one(scaler: Scaler) -> None:
    answer = scaler.api.client.post("/predict", content=jpeg())
    assert answer.json()["type"].endswith("no_workers")
    eventually(lambda: scaler.active("refused"), SCRAPED_WITHIN_S)


def test_missing_metrics_do_not_count_as_idle(scaler: Scaler) -> None:
    for api in scaler.apis:
        api.kill()
    for name in ("length", "age"):
        eventually(lambda name=name: scaler.fails(name), SCRAPED_WITHIN_S)
