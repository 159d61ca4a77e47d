"""How the api starts, by itself and with wrong settings."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.api_process import ROOT, ApiProcess
from tests.support.redis_server import RedisServer


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
    ],
)
def test_a_wrong_setting_is_one_clear_line(name: str, value: str) -> None:
    ended = run("-m", "uvicorn", "api.main:app", "--port", "0", **{name: value})
    assert ended.returncode == 3
    [line] = ended.stderr.splitlines()
    assert name in line
    assert "secret" not in line


def lines_of(process: ApiProcess) -> list[dict[str, Any]]:
    return [json.loads(line) for line in process.log.read_text().splitlines() if "{" in line]


def test_every_log_line_is_in_one_form_and_has_its_request(
    shared_redis: RedisServer, tmp_path: Path
) -> None:
    with ApiProcess(shared_redis.url, tmp_path, LOG_LEVEL="DEBUG") as process:
        process.client.get("/health/live", headers={"x-request-id": "find-me"})
        lines = lines_of(process)
    [access] = [line for line in lines if line.get("request_id") == "find-me"]
    assert '"GET /health/live HTTP/1.1" 200' in access["event"]
    assert any(line["event"] == "ready" for line in lines)


def test_a_request_is_no_line_unless_debugging(api: ApiProcess) -> None:
    api.client.get("/health/live", headers={"x-request-id": "find-me"})
    assert not [line for line in lines_of(api) if line.get("request_id") == "find-me"]


def test_the_committed_description_is_up_to_date() -> None:
    assert run("-m", "scripts.checks.openapi", "--check").returncode == 0
    assert Path(ROOT / "openapi.json").exists()
