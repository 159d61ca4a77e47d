"""The api and the worker contact Redis and nothing else, from their start to their end."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from tests.support.photos import free_port, jpeg
from tests.support.recorded_contacts import RecordedContacts
from tests.support.redis_server import RedisServer
from tests.support.served import eventually

ROOT = Path(__file__).parents[3]
STARTS_WITHIN_S = 120


@contextmanager
def running(module: str, *arguments: str, log: Path, **settings: str) -> Iterator[None]:
    """A program that has loaded the hook at its start, as a forked one would not."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=os.environ | settings,
            stdout=output,
            stderr=output,
        )
        try:
            yield
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        finally:
            process.kill()
            process.wait(10)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready", trust_env=False, verify=False).status_code == 200
    except httpx.TransportError:
        return False


def test_only_configured_hosts_are_contacted(redis_server: RedisServer, tmp_path: Path) -> None:
    api, worker = RecordedContacts(tmp_path / "api"), RecordedContacts(tmp_path / "worker")
    port = free_port()
    settings = {
        "REDIS_URL": redis_server.url,
        "UPLOADS_URL": (tmp_path / "uploads").as_uri(),
        "MODEL": "efficientnet_lite0",
        "MODEL_CACHE": str(tmp_path / "cache"),
        "DEVICE": "cpu",
    }
    # uvloop connects without Python's sockets, so that no hook would see it.
    uvicorn = ("uvicorn", "api.main:app", "--loop", "asyncio", "--port", str(port))
    celery = ("celery", "-A", "worker.main", "worker", "-P", "threads")
    url = f"http://127.0.0.1:{port}"
    with (
        running(*uvicorn, log=tmp_path / "api.log", **settings, **api.environment),
        running(*celery, log=tmp_path / "worker.log", **settings, **worker.environment),
    ):
        eventually(lambda: answers(url), STARTS_WITHIN_S)
        photo = {"file": ("a.jpg", jpeg())}
        answer = httpx.post(f"{url}/predict?explain=true", files=photo, timeout=60, trust_env=False)
        assert answer.status_code == 200, answer.text

    address = urlsplit(redis_server.url)
    redis = re.compile(rf"\('?{re.escape(str(address.hostname))}'?, '?{address.port}\b")
    for component in (api, worker):
        events = component.events
        assert any(redis.search(event) for event in events), "Redis was contacted"
        assert [event for event in events if not redis.search(event)] == []
        assert list(component.home.iterdir()) == []
