"""KEDA's queries, as the manifests have them, asked of a real Prometheus over the real service."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from scripts.manifests import FOLDER, build
from shared.redis_client import connect
from tests.support.api_process import ApiProcess
from tests.support.photos import jpeg
from tests.support.prometheus import Prometheus
from tests.support.redis_server import RedisServer
from tests.support.served import eventually
from tests.support.worker_process import WorkerProcess

SCRAPED_WITHIN_S = 10


class Scaler:
    """Asks as KEDA does: a trigger's query is one number, and none counts as 0."""

    def __init__(self, api: ApiProcess, prometheus: Prometheus) -> None:
        self.api = api
        self._prometheus = prometheus
        manifest = next(m for m in build(FOLDER / "overlays/cpu") if m["kind"] == "ScaledObject")
        self.triggers = {
            trigger["name"]: trigger["metadata"] for trigger in manifest["spec"]["triggers"]
        }

    def value(self, name: str) -> float:
        found = self._prometheus.query(self.triggers[name]["query"])
        assert len(found) <= 1, "KEDA refuses a query with more than one answer"
        return float(found[0]["value"][1]) if found else 0.0

    def active(self, name: str) -> bool:
        return self.value(name) > float(self.triggers[name]["activationThreshold"])


@pytest.fixture
def scaler(tmp_path: Path) -> Iterator[Scaler]:
    """Redis, an api and Prometheus; no worker."""
    with ExitStack() as stack:
        server = RedisServer(tmp_path)
        server.start()
        stack.callback(server.kill)
        api = stack.enter_context(ApiProcess(server.url, tmp_path))
        prometheus = Prometheus(tmp_path, api.url.removeprefix("http://"))
        stack.callback(prometheus.stop)
        eventually(lambda: bool(prometheus.query("classifier_broker_up == 1")), 20)
        yield Scaler(api, prometheus)


def test_photos_that_wait_bring_workers_from_none_and_let_them_go(
    scaler: Scaler, tmp_path: Path
) -> None:
    assert not any(map(scaler.active, scaler.triggers))
    answer = scaler.api.client.post("/jobs", files=[("files", jpeg())] * 30)
    assert answer.status_code == 202
    eventually(lambda: scaler.value("length") == 30, SCRAPED_WITHIN_S)
    eventually(lambda: scaler.value("age") > 2, SCRAPED_WITHIN_S)

    env = {"REDIS_URL": scaler.api.redis_url, "UPLOADS_URL": scaler.api.uploads.as_uri()}
    with WorkerProcess(env, tmp_path / "worker.log") as worker:
        with connect(scaler.api.redis_url, 2) as client:
            worker.wait_ready(client)
        eventually(lambda: not any(map(scaler.active, scaler.triggers)), 30)
        job = scaler.api.client.get(answer.headers["location"]).json()
    assert job["counts"]["succeeded"] == 30


def test_a_photo_that_a_worker_holds_keeps_it(scaler: Scaler, tmp_path: Path) -> None:
    env = {"REDIS_URL": scaler.api.redis_url, "UPLOADS_URL": scaler.api.uploads.as_uri()}
    with WorkerProcess({**env, "SCRIPTED_SERVICE_TIME_S": "8"}, tmp_path / "worker.log") as worker:
        with connect(scaler.api.redis_url, 2) as client:
            worker.wait_ready(client)
        scaler.api.client.post("/jobs", files=[("files", jpeg())])
        eventually(lambda: scaler.value("age") == 0 and scaler.active("length"), SCRAPED_WITHIN_S)


def test_a_photo_that_is_refused_for_lack_of_workers_brings_one(scaler: Scaler) -> None:
    answer = scaler.api.client.post("/predict", content=jpeg())
    assert answer.json()["type"].endswith("no_workers")
    eventually(lambda: scaler.active("refused"), SCRAPED_WITHIN_S)
