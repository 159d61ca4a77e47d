"""nginx and HAProxy for real, with the configurations in ``deploy/``, below a prefix."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tests.proxies.delay import Delay
from tests.support.api_process import ROOT, ApiProcess
from tests.support.photos import free_port
from tests.support.played_worker import PlayedWorker
from tests.support.redis_server import RedisServer
from tests.support.served import eventually

PREFIX = "/classifier"
# 20 ms there and back.
ONE_WAY_S = 0.01
# What many balancers allow by default.
SHORT_TIMEOUT = "30s"


def program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    assert found, f"{name} is missing: apt-get install {name}"
    return found


def changed(text: str, changes: dict[str, str]) -> str:
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def nginx(folder: Path, port: int, api: int, **timeouts: str) -> list[str]:
    text = (ROOT / "deploy" / "nginx" / "classifier.conf").read_text()
    changes = {
        "127.0.0.1:8000": f"127.0.0.1:{api}",
        "listen 80;": f"listen 127.0.0.1:{port};",
        **timeouts,
    }
    (folder / "classifier.conf").write_text(changed(text, changes))
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = f"""
        daemon off; pid {folder}/nginx.pid; error_log stderr; worker_processes 1;
        events {{ worker_connections 512; }}
        http {{ access_log off; {temporary} include {folder}/classifier.conf; }}
    """
    (folder / "nginx.conf").write_text(main)
    return [program("nginx"), "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]


def haproxy(folder: Path, port: int, api: int, **timeouts: str) -> list[str]:
    text = (ROOT / "deploy" / "haproxy" / "haproxy.cfg").read_text()
    changes = {
        "# http-request replace-path": "http-request replace-path",
        '"${LISTEN}"': f"127.0.0.1:{port}",
        '"${API_1}"': f"127.0.0.1:{api}",
        '"${API_2}"': f"127.0.0.1:{api}",
        **timeouts,
    }
    (folder / "haproxy.cfg").write_text(changed(text, changes))
    return [program("haproxy"), "-db", "-f", str(folder / "haproxy.cfg")]


SHORT = {
    nginx: {"proxy_read_timeout 150s": f"proxy_read_timeout {SHORT_TIMEOUT}"},
    haproxy: {"timeout server 150s": f"timeout server {SHORT_TIMEOUT}"},
}


@contextmanager
def running(command: list[str], url: str) -> Iterator[None]:
    with subprocess.Popen(command) as process:
        try:
            eventually(lambda: is_live(url), 20)
            yield
        finally:
            process.terminate()


def is_live(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/live", trust_env=False, verify=False).status_code == 200
    except httpx.TransportError:
        return False


class Proxied(NamedTuple):
    """An API behind a proxy that is 20 ms away from it, with a played worker."""

    api: ApiProcess
    url: str
    short_url: str
    client: httpx.Client


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiProcess]:
    redis = RedisServer(tmp_path_factory.mktemp("redis"))
    redis.start()
    with ApiProcess(redis.url, tmp_path_factory.mktemp("api")) as process:
        yield process
    redis.kill()


@pytest.fixture(scope="session", params=[nginx, haproxy], ids=["nginx", "HAProxy"])
def proxied(
    request: pytest.FixtureRequest, api: ApiProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxied]:
    command: Callable[..., list[str]] = request.param
    with Delay(api.port, ONE_WAY_S) as far:
        ports = free_port(), free_port()
        urls = [f"http://127.0.0.1:{port}{PREFIX}" for port in ports]
        commands = [
            command(tmp_path_factory.mktemp("proxy"), ports[0], far.port),
            command(tmp_path_factory.mktemp("proxy"), ports[1], far.port, **SHORT[command]),
        ]
        with (
            running(commands[0], urls[0]),
            running(commands[1], urls[1]),
            httpx.Client(base_url=urls[0], timeout=60, trust_env=False) as client,
        ):
            yield Proxied(api, *urls, client)


@pytest.fixture
def worker(proxied: Proxied) -> Iterator[PlayedWorker]:
    with PlayedWorker(proxied.api.redis_url) as played:
        eventually(lambda: proxied.client.get("/health/ready").status_code == 200, 10)
        yield played


@pytest.fixture
def no_worker(proxied: Proxied) -> None:
    eventually(lambda: proxied.client.get("/health/ready").status_code == 503, 30)
