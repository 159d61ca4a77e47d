"""Each route declares the statuses that are provoked here, and no other."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from api.auth import keyring
from shared.messages import ModelCard
from tests.integration.api.conftest import LIMITS, wait_for_status
from tests.integration.api.http.scene import PHOTO, Scene, tensor
from tests.support.api_process import ROOT, ApiProcess
from tests.support.played_worker import MODEL, PlayedWorker
from tests.support.redis_server import RedisServer
from tests.support.served import eventually

NO_JOB = "/jobs/" + "0" * 32
TOO_LARGE = b"\xff\xd8\xff" + bytes(200_000)
CARD = ModelCard(
    **MODEL.model_dump(), runtime="none", input_size=[224, 224, 3], transform="none", classes=[]
)
INFER = "/v2/models/played/infer"


Provoked = dict[tuple[str, int], Callable[[Scene], int]]
WHILE_ALL_IS_WELL: Provoked = {
    ("predict", 200): lambda s: s.ask("POST", "/predict", content=PHOTO),
    ("predict", 202): lambda s: s.unanswered(),
    ("predict", 400): lambda s: s.ask("POST", "/predict"),
    ("predict", 408): lambda s: s.slowly("/predict"),
    ("predict", 409): lambda s: s.cancelled(),
    ("predict", 413): lambda s: s.ask("POST", "/predict", content=TOO_LARGE),
    ("predict", 415): lambda s: s.ask("POST", "/predict", content=b"GIF89a"),
    ("predict", 422): lambda s: s.ask("POST", "/predict?top_k=0", content=PHOTO),
    ("hugging_face", 200): lambda s: s.ask("POST", "/hf", content=PHOTO),
    ("hugging_face", 400): lambda s: s.ask("POST", "/hf", json={"inputs": "*"}),
    ("hugging_face", 408): lambda s: s.slowly("/hf"),
    ("hugging_face", 409): lambda s: s.cancelled("/hf"),
    ("hugging_face", 413): lambda s: s.ask("POST", "/hf", content=TOO_LARGE),
    ("hugging_face", 415): lambda s: s.ask("POST", "/hf", content=b"GIF89a"),
    ("hugging_face", 422): lambda s: s.ask("POST", "/hf?top_k=0", content=PHOTO),
    ("hugging_face", 504): lambda s: s.unanswered("/hf"),
    ("v2_server", 200): lambda s: s.ask("GET", "/v2"),
    ("v2_live", 200): lambda s: s.ask("GET", "/v2/health/live"),
    ("v2_ready", 200): lambda s: s.ask("GET", "/v2/health/ready"),
    ("v2_model", 200): lambda s: s.ask("GET", "/v2/models/played"),
    ("v2_model", 404): lambda s: s.ask("GET", "/v2/models/other"),
    ("v2_model_ready", 200): lambda s: s.ask("GET", "/v2/models/played/ready"),
    ("v2_model_ready", 404): lambda s: s.ask("GET", "/v2/models/other/ready"),
    ("v2_infer", 200): lambda s: s.ask("POST", INFER, json=tensor(PHOTO)),
    ("v2_infer", 400): lambda s: s.ask("POST", INFER, json={}),
    ("v2_infer", 404): lambda s: s.ask("POST", "/v2/models/other/infer", json=tensor(PHOTO)),
    ("v2_infer", 408): lambda s: s.slowly(INFER),
    ("v2_infer", 409): lambda s: s.cancelled(INFER, json.dumps(tensor(PHOTO)).encode()),
    ("v2_infer", 413): lambda s: s.ask("POST", INFER, json=tensor(TOO_LARGE)),
    ("v2_infer", 415): lambda s: s.ask("POST", INFER, json=tensor(b"GIF89a")),
    ("v2_infer", 422): lambda s: s.ask("POST", INFER, json=tensor(b"")),
    ("v2_infer", 504): lambda s: s.unanswered(INFER, json.dumps(tensor(PHOTO)).encode()),
    ("create_job", 202): lambda s: s.ask("POST", "/jobs", files={"files": PHOTO}),
    ("create_job", 400): lambda s: s.ask("POST", "/jobs"),
    ("create_job", 408): lambda s: s.slowly("/jobs"),
    ("create_job", 409): lambda s: s.twice(),
    ("create_job", 413): lambda s: s.ask("POST", "/jobs", files=[("files", b"x")] * 51),
    ("create_job", 422): lambda s: s.ask("POST", "/jobs?top_k=0", files={"files": PHOTO}),
    ("list_jobs", 200): lambda s: s.ask("GET", "/jobs"),
    ("list_jobs", 422): lambda s: s.ask("GET", "/jobs?cursor=x"),
    ("get_job", 200): lambda s: s.ask("GET", s.job),
    ("get_job", 404): lambda s: s.ask("GET", NO_JOB),
    ("get_job", 422): lambda s: s.ask("GET", f"{s.job}?limit=0"),
    ("job_results", 200): lambda s: s.ask("GET", f"{s.job}/results"),
    ("job_results", 404): lambda s: s.ask("GET", f"{NO_JOB}/results"),
    ("job_results", 422): lambda s: s.ask("GET", f"{s.job}/results?format=xml"),
    ("job_events", 200): lambda s: s.ask("GET", f"{s.job}/events"),
    ("job_events", 204): lambda s: s.ask(
        "GET", f"{s.job}/events", headers={"last-event-id": "end"}
    ),
    ("job_events", 404): lambda s: s.ask("GET", f"{NO_JOB}/events"),
    ("cancel_job", 200): lambda s: s.ask("DELETE", s.job),
    ("cancel_job", 404): lambda s: s.ask("DELETE", NO_JOB),
    ("health", 200): lambda s: s.ask("GET", "/health"),
    ("ready", 200): lambda s: s.ask("GET", "/health/ready"),
    ("ready", 422): lambda s: s.ask("GET", "/health/ready?for=tea"),
    ("live", 200): lambda s: s.ask("GET", "/health/live"),
    ("model", 200): lambda s: s.ask("GET", "/model"),
    ("metrics", 200): lambda s: s.ask("GET", "/metrics"),
}
WHILE_REDIS_IS_DOWN: Provoked = {
    ("v2_ready", 503): lambda s: s.ask("GET", "/v2/health/ready"),
    ("v2_model", 503): lambda s: s.ask("GET", "/v2/models/played"),
    ("v2_model_ready", 503): lambda s: s.ask("GET", "/v2/models/played/ready"),
    ("v2_infer", 503): lambda s: s.ask("POST", INFER, json=tensor(PHOTO)),
    ("hugging_face", 503): lambda s: s.ask("POST", "/hf", content=PHOTO),
    ("predict", 503): lambda s: s.ask("POST", "/predict", content=PHOTO),
    ("create_job", 503): lambda s: s.ask("POST", "/jobs", files={"files": PHOTO}),
    ("list_jobs", 503): lambda s: s.ask("GET", "/jobs"),
    ("get_job", 503): lambda s: s.ask("GET", s.job),
    ("job_results", 503): lambda s: s.ask("GET", f"{s.job}/results"),
    ("job_events", 503): lambda s: s.ask("GET", f"{s.job}/events"),
    ("cancel_job", 503): lambda s: s.ask("DELETE", s.job),
    ("health", 503): lambda s: s.ask("GET", "/health"),
    ("ready", 503): lambda s: s.ask("GET", "/health/ready"),
    ("model", 503): lambda s: s.ask("GET", "/model"),
}
WHILE_THE_OWNERS_SHARE_IS_FULL: Provoked = {
    ("predict", 429): lambda s: s.ask("POST", "/predict", content=PHOTO),
    ("hugging_face", 429): lambda s: s.ask("POST", "/hf", content=PHOTO),
    ("v2_infer", 429): lambda s: s.ask("POST", INFER, json=tensor(PHOTO)),
    ("create_job", 429): lambda s: s.ask("POST", "/jobs", files={"files": PHOTO}),
}
WITHOUT_A_KEY: Provoked = {
    ("v2_server", 401): lambda s: s.ask("GET", "/v2"),
    ("v2_live", 401): lambda s: s.ask("GET", "/v2/health/live"),
    ("v2_ready", 401): lambda s: s.ask("GET", "/v2/health/ready"),
    ("v2_model", 401): lambda s: s.ask("GET", "/v2/models/played"),
    ("v2_model_ready", 401): lambda s: s.ask("GET", "/v2/models/played/ready"),
    ("v2_infer", 401): lambda s: s.ask("POST", INFER, json=tensor(PHOTO)),
    ("hugging_face", 401): lambda s: s.ask("POST", "/hf", content=PHOTO),
    ("predict", 401): lambda s: s.ask("POST", "/predict", content=PHOTO),
    ("create_job", 401): lambda s: s.ask("POST", "/jobs", files={"files": PHOTO}),
    ("list_jobs", 401): lambda s: s.ask("GET", "/jobs"),
    ("get_job", 401): lambda s: s.ask("GET", NO_JOB),
    ("job_results", 401): lambda s: s.ask("GET", f"{NO_JOB}/results"),
    ("job_events", 401): lambda s: s.ask("GET", f"{NO_JOB}/events"),
    ("cancel_job", 401): lambda s: s.ask("DELETE", NO_JOB),
    ("health", 401): lambda s: s.ask("GET", "/health"),
    ("model", 401): lambda s: s.ask("GET", "/model"),
    ("metrics", 401): lambda s: s.ask("GET", "/metrics"),
}


@pytest.fixture(scope="module")
def running_api(
    shared_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiProcess]:
    folder: Path = tmp_path_factory.mktemp("api")
    with ApiProcess(shared_redis.url, folder, CLIENT_TIMEOUT_S="1", **LIMITS) as process:
        yield process


@pytest.fixture(scope="module")
def running_worker(running_api: ApiProcess) -> Iterator[PlayedWorker]:
    """A worker that reports the name of its model."""
    with PlayedWorker(running_api.redis_url, model=MODEL.name) as played:
        wait_for_status(running_api.client, 200)
        yield played


@pytest.fixture
def scene(api: ApiProcess, worker: PlayedWorker) -> Scene:
    with Redis.from_url(api.redis_url) as client:
        client.set("ic:model", CARD.model_dump_json())
    job = api.client.post("/jobs", files={"files": PHOTO}).headers["location"]
    eventually(lambda: api.client.get(job).json()["status"] == "completed", 10)
    return Scene(api, worker, job)


@pytest.fixture
def locked(scene: Scene, tmp_path: Path) -> Iterator[Scene]:
    """An api that has keys, and is asked without one."""
    _, entry = keyring.make("somebody")
    with ApiProcess(scene.api.redis_url, tmp_path, API_KEYS=entry) as api:
        yield Scene(api, scene.worker, scene.job)


@pytest.fixture
def crowded(scene: Scene, tmp_path: Path) -> Iterator[Scene]:
    """An api whose client has a key, and may queue one photo in each queue."""
    key, entry = keyring.make("somebody")
    (tmp_path / "crowded").mkdir()
    settings = {"API_KEYS": entry, "MAX_QUEUED_ITEMS_PER_OWNER": "1"}
    with ApiProcess(scene.api.redis_url, tmp_path / "crowded", **settings) as api:
        api.client.headers["x-api-key"] = key
        yield Scene(api, scene.worker, scene.job)


def fill(crowded: Scene) -> None:
    """Queue that photo, while no worker takes it."""
    crowded.worker.listen_to("no such queue")
    assert crowded.ask("POST", "/jobs", files={"files": PHOTO}) == 202
    later = {"prefer": "respond-async"}
    assert crowded.ask("POST", "/predict", content=PHOTO, headers=later) == 202


def test_every_declared_status_occurs_and_no_other(
    scene: Scene, locked: Scene, crowded: Scene, shared_redis: RedisServer
) -> None:
    provoked = {key: ask(scene) for key, ask in WHILE_ALL_IS_WELL.items()}
    fill(crowded)
    provoked |= {key: ask(crowded) for key, ask in WHILE_THE_OWNERS_SHARE_IS_FULL.items()}
    provoked |= {key: ask(locked) for key, ask in WITHOUT_A_KEY.items()}
    shared_redis.pause()
    try:
        eventually(lambda: scene.ask("GET", "/health/ready") == 503, 10)
        provoked |= {key: ask(scene) for key, ask in WHILE_REDIS_IS_DOWN.items()}
    finally:
        shared_redis.resume()
        wait_for_status(scene.api.client, 200)
    assert {key: key[1] for key in provoked} == provoked
    document = json.loads((ROOT / "openapi.json").read_text())
    assert set(provoked) == {
        (operation["operationId"], int(status))
        for path in document["paths"].values()
        for operation in path.values()
        for status in operation["responses"]
    }
