"""A primary that dies under load: Sentinel makes the replica one, haproxy leads everybody there."""

from pathlib import Path

from tests.failover.conftest import Pair
from tests.support.api_process import ApiProcess
from tests.support.live_service import coloured
from tests.support.served import eventually
from tests.support.worker_process import WorkerProcess

PHOTOS = 600


def test_failover_loses_no_photo_that_reached_the_replica(pair: Pair, tmp_path: Path) -> None:
    with ApiProcess(pair.url, tmp_path) as api:
        env = {"REDIS_URL": pair.url, "UPLOADS_URL": api.uploads.as_uri()}
        env |= {"SCRIPTED_FAST": "1", "SCRIPTED_SERVICE_TIME_S": "0.04"}
        with WorkerProcess(env, tmp_path / "worker.log", restart=True) as worker:
            eventually(lambda: api.client.get("/health").json()["status"] == "ok", 30)
            job = api.client.post("/jobs", files=[("files", coloured(1))] * PHOTOS)
            path = job.headers["location"]
            eventually(lambda: succeeded(api, path) > 50, 30)
            assert pair.admins[0].acl_log() == []
            pair.nodes[0].kill()
            eventually(lambda: answers(api), 30)
            assert pair.role(1)[0] == "master"
            assert pair.admins[1].acl_log() == []
            assert succeeded(api, path) < PHOTOS
            eventually(lambda: nothing_is_under_way(api), 60)
            # what ended while the replica was not told is still the worker's by the record
            worker.kill()
            eventually(lambda: succeeded(api, path) == PHOTOS, 60)


def test_failover_loses_what_had_not_reached_the_replica(pair: Pair, tmp_path: Path) -> None:
    with ApiProcess(pair.url, tmp_path) as api:
        eventually(lambda: bool(accepted(api)), 20)
        pair.admins[1].config_set("masterauth", "another")
        pair.admins[0].execute_command("CLIENT", "KILL", "TYPE", "replica")
        eventually(lambda: pair.role(1) == ("slave", "down"), 10)
        path = accepted(api)
        assert api.client.get(path).status_code == 200
        pair.nodes[0].kill()
        eventually(lambda: api.client.get(path).status_code == 404, 30)
        assert pair.role(1)[0] == "master"


def succeeded(api: ApiProcess, path: str) -> int:
    """0 while the record cannot be read."""
    return int(api.client.get(path).json().get("counts", {}).get("succeeded", 0))


def accepted(api: ApiProcess) -> str:
    """A batch of one photo: its path, or nothing while it is refused."""
    answer = api.client.post("/jobs", files=[("files", coloured(1))])
    return answer.headers["location"] if answer.status_code == 202 else ""


def nothing_is_under_way(api: ApiProcess) -> bool:
    """Nothing waits, and the worker says that it holds nothing."""
    health = api.client.get("/health").json()
    held = [worker["in_flight"] for worker in health["workers"]]
    return health["status"] == "ok" and held == [0] and not any(health["queues"].values())


def answers(api: ApiProcess) -> bool:
    return api.client.post("/predict", content=coloured(2)).status_code == 200
