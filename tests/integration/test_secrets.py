"""Secrets stay out of every log line and every answer, whatever goes wrong."""

import json
from pathlib import Path

import httpx
import pytest
from redis import Redis

from api.auth import keyring
from tests.support.api_process import ApiProcess
from tests.support.photos import jpeg
from tests.support.redis_server import RedisServer
from tests.support.routes import every_route
from tests.support.served import eventually
from tests.support.worker_process import WorkerProcess

PASSWORD = "Pa55word-of-Redis"  # noqa: S105 - of a Redis that lives as long as the test
KEY, ENTRY = keyring.make("alice")
WRONG_KEY = KEY[:-1]
# the wrong key is the beginning of the right one: to look for it is to look for both
SECRETS = (PASSWORD, WRONG_KEY, ENTRY.partition(":")[2])
PHOTO = jpeg()


@pytest.fixture
def locked_redis(tmp_path: Path) -> RedisServer:
    folder = tmp_path / "redis"
    folder.mkdir()
    server = RedisServer(folder)
    server.url = server.url.replace("://", f"://:{PASSWORD}@")
    server.start("--requirepass", PASSWORD)
    return server


def ask_everything(api: ApiProcess) -> list[str]:
    """Every route, with the key, with none and with a wrong one, and bodies that are no photos."""
    said = []
    for sent in (
        {"x-api-key": KEY},
        {"authorization": f"Bearer {KEY}"},
        {"x-api-key": WRONG_KEY},
        {},
    ):
        with httpx.Client(base_url=api.url, headers=sent, timeout=30, trust_env=False) as client:
            asked = [client.request(method, path) for method, path in every_route()]
            asked += [
                client.post("/predict", content=body) for body in (PHOTO, b"", b"\xff\xd8\xff")
            ]
            asked.append(client.post("/jobs", files=[("files", ("a.jpg", PHOTO))]))
        said += [f"{answer.headers} {answer.text}" for answer in asked]
    return said


@pytest.mark.parametrize("form", ["json", "pretty"])
def test_no_secret_is_logged_or_returned(
    form: str, tmp_path: Path, locked_redis: RedisServer
) -> None:
    settings = {"LOG_LEVEL": "DEBUG", "LOG_FORMAT": form, "REDIS_URL": locked_redis.url}
    api = ApiProcess(locked_redis.url, tmp_path, API_KEYS=ENTRY, PREDICT_WAIT_S="2", **settings)
    uploads = {"UPLOADS_URL": f"file://{api.uploads}"}
    worker_log = tmp_path / "worker.log"
    try:
        with api, WorkerProcess({**settings, **uploads}, worker_log) as worker:
            with Redis.from_url(locked_redis.url, decode_responses=True) as client:
                worker.wait_ready(client)
                client.lpush("batch", "no message")
                eventually(lambda: client.llen("batch") == 0, 10)
            said = ask_everything(api)
            locked_redis.kill()
            said += ask_everything(api)
        said += [api.log.read_text(), worker.log]
    finally:
        locked_redis.kill()
    text = "\n".join(said)
    assert "broker_unavailable" in text
    assert "malformed message discarded" in text
    assert [secret for secret in SECRETS if secret in text] == []


@pytest.mark.parametrize(
    "url", ["redis://:{}@127.0.0.1:1/0", "redis://:{}wrong@127.0.0.1:{port}/0"]
)
def test_an_error_of_redis_does_not_show_its_password(
    url: str, tmp_path: Path, locked_redis: RedisServer
) -> None:
    wrong = url.format(PASSWORD, port=locked_redis.port)
    settings = {"LOG_LEVEL": "DEBUG", "UPLOADS_URL": f"file://{tmp_path}/uploads"}
    try:
        with (
            ApiProcess(wrong, tmp_path, LOG_LEVEL="DEBUG") as api,
            WorkerProcess({**settings, "REDIS_URL": wrong}, tmp_path / "worker.log") as worker,
        ):
            health = api.client.get("/health")
            assert health.status_code == 503
            assert json.loads(health.text)["status"] == "unavailable"
            eventually(lambda: "127.0.0.1" in worker.log, 30, lambda: worker.log)
        assert PASSWORD not in health.text + api.log.read_text() + worker.log
    finally:
        locked_redis.kill()
