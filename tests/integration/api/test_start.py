"""How the api starts, by itself and with wrong settings."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from scripts.serve.service import api_command
from scripts.serve.settings import ServeSettings
from tests.support.api_process import ROOT, ApiProcess
from tests.support.forked import Forked
from tests.support.photos import free_port
from tests.support.raw_client import raw
from tests.support.redis_server import RedisServer
from tests.support.served import eventually


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_importing_the_api_leaves_torch_and_the_worker_unloaded() -> None:
    check = (
        "import sys, api.main; "
        "print([name for name in sys.modules "
        "if name.split('.')[0] in {'torch', 'torchvision', 'openvino', 'worker', 'PIL', 'numpy'}])"
    )
    assert run("-c", check).stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_URL", "http://secret@redis"),
        ("REDIS_URL", "redis://host:secret"),
        ("UPLOADS_URL", "https://bucket"),
        ("UPLOADS_URL", "s3://key:secret@bucket"),
        ("UPLOADS_URL", "file://relative"),
        ("PREDICT_WAIT_S", "soon"),
        ("MAX_UPLOAD_BYTES", "-1"),
        ("LOG_LEVEL", "LOUD"),
        ("PHOTO_FORMATS", "jpeg,png,gif"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(name: str, value: str, tmp_path: Path) -> None:
    env, log = {**os.environ, name: value}, tmp_path / "api.log"
    ended = Forked.logged("uvicorn", ["api.main:app", "--port", "0"], cwd=ROOT, env=env, log=log)
    assert ended.wait(60) == 3
    [line] = log.read_text().splitlines()
    assert name in line
    assert "secret" not in line


def lines_of(process: ApiProcess) -> list[dict[str, Any]]:
    return [json.loads(line) for line in process.log.read_text().splitlines() if "{" in line]


def test_every_log_line_is_in_one_form(shared_redis: RedisServer, tmp_path: Path) -> None:
    with ApiProcess(shared_redis.url, tmp_path, LOG_LEVEL="DEBUG") as process:
        process.client.get("/health/live", headers={"x-request-id": "find-me"})
    lines = lines_of(process)  # a request's line comes after its answer
    [access] = [line for line in lines if line.get("request_id") == "find-me"]
    assert access["event"] == "request", "uvicorn's own line would repeat it"
    assert any(line["event"] == "ready" for line in lines)


@pytest.mark.parametrize("how", [("WEB_CONCURRENCY", "2"), ("UVICORN_WORKERS", "2")])
def test_several_processes_of_one_api_are_refused(how: tuple[str, str]) -> None:
    """Each would tell its own counters as those of the service."""
    name, count = how
    ended = run("-m", "uvicorn", "api.main:app", "--port", str(free_port()), **{name: count})
    lines = [line for line in ended.stderr.splitlines() if "start more" in line]
    assert len(lines) == int(count), ended.stderr
    assert all("WEB_CONCURRENCY" in line for line in lines)
    assert "Traceback" not in ended.stderr


def test_idle_connections_outlive_those_of_a_proxy(
    shared_redis: RedisServer, tmp_path: Path
) -> None:
    """nginx keeps an idle connection for 60 s and sends the next request on it."""
    with ApiProcess(shared_redis.url, tmp_path) as process, raw(process.port) as line:
        line.send(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert line.answer().status == 200
        assert not line.is_closed(7), "closed after uvicorn's default of 5 s"


def test_the_committed_description_is_up_to_date() -> None:
    assert run("-m", "scripts.checks.openapi", "--check").returncode == 0
    assert Path(ROOT / "openapi.json").exists()


def image_command(port: int) -> list[str]:
    """What the image starts, on another port."""
    text = (ROOT / "api" / "Dockerfile").read_text()
    command: list[str] = json.loads(text[text.index("CMD ") + 4 :].replace("\\\n", ""))
    assert command[:4] == ["python", "-m", "uvicorn", "api.main:app"]
    return [*command[1:], "--port", str(port)]


def serve_command(port: int) -> list[str]:
    """What `BIND_ADDRESS=:: make serve` starts."""
    return api_command(ServeSettings(bind_address="::", port=port))[1:]


@pytest.mark.parametrize("command", [image_command, serve_command])
def test_the_api_listens_on_both_families(
    shared_redis: RedisServer, tmp_path: Path, command: Callable[[int], list[str]]
) -> None:
    port = free_port()
    env = {
        **os.environ,
        "REDIS_URL": shared_redis.url,
        "UPLOADS_URL": tmp_path.as_uri(),
        "WEB_CONCURRENCY": "2",
    }
    with subprocess.Popen([sys.executable, *command(port)], cwd=ROOT, env=env) as process:
        try:
            for host in ("127.0.0.1", "[::1]", "localhost"):
                url = f"http://{host}:{port}/health/live"
                eventually(lambda url=url: answers(url), 20)
        finally:
            process.terminate()


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False, verify=False).status_code == 200
    except httpx.TransportError:
        return False
