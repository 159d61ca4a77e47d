"""Servers that are real processes: frozen, thawed and ended with all that they started."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from benchmarks.harness.server import Contender, Server, ServerFailed, kind
from tests.support.photos import free_port

PROGRAM = """
import subprocess, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
MAIN = """
import sys, time
from benchmarks.run import running
from benchmarks.harness.server import Contender
with running([Contender("one", [sys.executable, "-c", sys.argv[1], "{port}"])], b"") as [server]:
    print(*(process.pid for process in server.processes()), flush=True)
    time.sleep(600)
"""


def within(condition: Callable[[], bool], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def runs(process: psutil.Process) -> bool:
    """Neither gone nor a zombie, as an orphan is until process 1 collects it."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    contender = Contender("one", [sys.executable, "-c", PROGRAM, "{port}"])
    server = Server(contender, free_port(), tmp_path / "log")
    yield server
    server.stop()


def test_a_frozen_server_stands_still_as_a_whole_and_answers_again(server: Server) -> None:
    server.wait_ready(b"photo")
    processes = server.processes()
    assert len(processes) == 2
    server.freeze()
    assert within(lambda: all(one.status() == psutil.STATUS_STOPPED for one in processes))
    server.thaw()
    server.wait_ready(b"photo")


def test_a_stopped_server_leaves_nothing_behind_though_it_was_frozen(server: Server) -> None:
    server.wait_ready(b"photo")
    processes = server.processes()
    server.freeze()
    server.stop()
    assert within(lambda: not any(map(runs, processes)))


def test_a_server_that_ends_before_it_answers_is_an_error_that_names_its_log(
    tmp_path: Path,
) -> None:
    broken = Server(Contender("it", [sys.executable, "-c", "0"]), free_port(), tmp_path / "log")
    with pytest.raises(ServerFailed, match=f"it does not respond: see {tmp_path}"):
        broken.wait_ready(b"photo")


def test_a_benchmark_that_is_told_to_end_ends_its_servers() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", MAIN, PROGRAM], stdout=subprocess.PIPE, text=True
    ) as bench:
        assert bench.stdout
        processes = [psutil.Process(int(pid)) for pid in bench.stdout.readline().split()]
        assert len(processes) == 2
        bench.send_signal(signal.SIGTERM)
    assert within(lambda: not any(map(runs, processes)))


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["python", "-m", "uvicorn", "api.main:app"], "api"),
        (["python", "-m", "celery", "-A", "worker.main", "worker"], "worker"),
        (["valkey-server unixsocket:/x/redis.sock", ""], "Redis"),
        (["python", "serve.py"], "other"),
    ],
)
def test_processes_are_told_apart_by_their_command(command: list[str], name: str) -> None:
    assert kind(command) == name
