"""The health check that compose runs inside the api's container, with proxy variables set."""

import os
import subprocess
import sys

import pytest
import yaml

from tests.support.api_process import ROOT, ApiProcess
from tests.support.photos import free_port

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
NOWHERE = "http://127.0.0.1:9"


def checked(port: int, **proxies: str) -> int:
    """The exit code of compose's line for the api at this port."""
    kind, _python, *line = COMPOSE["services"]["api"]["healthcheck"]["test"]
    assert kind == "CMD"
    line = [word.replace("8000", str(port)) for word in line]
    assert str(port) in " ".join(line)
    command = [sys.executable, *line]
    return subprocess.run(
        command, check=False, env={**os.environ, **proxies}, timeout=30
    ).returncode


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_a_proxy_does_not_make_the_api_unhealthy(api: ApiProcess, name: str) -> None:
    assert checked(api.port, **{name: NOWHERE}) == 0


def test_an_api_that_does_not_run_is_unhealthy() -> None:
    assert checked(free_port()) != 0


def test_an_api_that_does_not_answer_with_200_is_unhealthy() -> None:
    script = (
        "import http.server as s\n"
        "class H(s.BaseHTTPRequestHandler):\n"
        "    def do_GET(self): self.send_error(503)\n"
        "server = s.HTTPServer(('127.0.0.1', 0), H)\n"
        "print(server.server_port, flush=True)\n"
        "server.handle_request()\n"
    )
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        assert server.stdout is not None
        assert checked(int(server.stdout.readline())) != 0
