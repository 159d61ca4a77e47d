import asyncio
import io
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from redis import Redis

from scripts.serve import port_lock, service
from scripts.serve.console import Screen
from scripts.serve.errors import ServeError
from scripts.serve.service import Programs, Service
from scripts.serve.settings import ServeSettings, misspelled
from shared.messages import WorkerReport, WorkerState
from shared.redis_keys import WORKERS
from tests.support.photos import free_port
from tests.support.redis_server import RedisServer
from tests.support.serve_settings import TemporaryServeSettings

SAY_GOODBYE = (
    "import signal, sys, time\n"
    "def end(*_): print('goodbye', flush=True); sys.exit()\n"
    "signal.signal(signal.SIGTERM, end)\n"
)
# as a worker whose model is ready reports
REPORT = WorkerReport(name="stand-in", status=WorkerState.IDLE).model_dump_json()
WORKER = [
    sys.executable,
    "-c",
    SAY_GOODBYE
    + "import os, redis\n"
    + f"redis.Redis.from_url(os.environ['REDIS_URL']).hset({WORKERS!r}, os.getpid(), {REPORT!r})\n"
    + "time.sleep(60)",
]
API = (
    SAY_GOODBYE + "from http.server import BaseHTTPRequestHandler, HTTPServer\n"
    "class Ok(BaseHTTPRequestHandler):\n"
    "    def do_GET(self): self.send_response(200); self.end_headers()\n"
    "    def log_message(self, *_): pass\n"
    "HTTPServer(('127.0.0.1', int(sys.argv[1])), Ok).serve_forever()"
)


PROGRAMS = Programs(
    fetch_model=["true"],
    worker=lambda *_: WORKER,
    api=lambda settings: [sys.executable, "-c", API, str(settings.port)],
)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ServeSettings:
    """Two workers, and data in a temporary folder."""
    monkeypatch.delenv("REDIS_URL", raising=False)
    made = TemporaryServeSettings(root=tmp_path, port=free_port(), workers=2)
    port_lock.claim_folder(made).close()
    return made


def children() -> set[int]:
    """Ids of this process's children; a test before may have left multiprocessing's own tracker."""
    return {child.pid for child in psutil.Process().children()}


@pytest.fixture
def before() -> set[int]:
    return children()


async def serve(
    settings: ServeSettings, until: Callable[[str], bool], programs: Programs = PROGRAMS
) -> list[str]:
    """Run until the screen satisfies a condition, stop, and return its lines.

    By default, the workers and the API are stand-ins that are ready at once; Redis is real.
    """
    out = io.StringIO()
    stop = asyncio.Event()
    running = asyncio.create_task(Service(settings, Screen(out), programs).run(stop))
    async with asyncio.timeout(20):
        while not until(out.getvalue()) and not running.done():  # noqa: ASYNC110 - children fill it
            await asyncio.sleep(0.02)
        stop.set()
        await running
    return out.getvalue().splitlines()


async def test_all_parts_run_until_the_end_and_then_none_does(
    settings: ServeSettings, before: set[int]
) -> None:
    lines = await serve(settings, lambda screen: "ready" in screen)
    url = f"http://127.0.0.1:{settings.port}"
    ready = next(line for line in lines if "ready" in line)
    assert f"ready: open {url}/" in ready
    assert ready.endswith(f"curl -F file=@docs/images/cat.jpg {url}/predict")
    assert children() == before


async def test_the_api_ends_first_and_redis_last(settings: ServeSettings) -> None:
    lines = await serve(settings, lambda screen: "ready" in screen)
    ended = [line.split()[0] for line in lines if "goodbye" in line or "bye bye" in line]
    assert ended[0] == "api"
    assert sorted(ended[1:3]) == ["worker-1", "worker-2"]
    assert ended[3:] in (["redis"], ["redis", "redis"])


async def test_without_a_model_nothing_is_left_running(
    settings: ServeSettings, before: set[int]
) -> None:
    with pytest.raises(ServeError, match="no model is available"):
        await serve(settings, lambda _: False, replace(PROGRAMS, fetch_model=["false"]))
    assert children() == before


async def test_redis_is_synced_as_its_setting_says(settings: ServeSettings) -> None:
    """Or a power failure would lose the records of uploads that the API syncs by it."""
    ask = (
        "import os, redis\n"
        "print(redis.Redis.from_url(os.environ['REDIS_URL']).config_get('appendfsync'))\n"
        "raise SystemExit(1)"
    )
    out = io.StringIO()
    always = settings.model_copy(update={"redis_appendfsync": "always", "log_format": "json"})
    with pytest.raises(ServeError):
        await Service(always, Screen(out, as_json=True), Programs([sys.executable, "-c", ask])).run(
            asyncio.Event()
        )
    assert "always" in out.getvalue()


async def test_as_json_every_line_is_an_object(
    settings: ServeSettings, capfd: pytest.CaptureFixture[str]
) -> None:
    """The download writes to stdout and stderr."""
    fetch_model = ["sh", "-c", "echo to stdout; echo to stderr >&2; exit 1"]
    out = io.StringIO()
    as_json = settings.model_copy(update={"log_format": "json"})
    with pytest.raises(ServeError, match="no model is available"):
        await Service(as_json, Screen(out, as_json=True), Programs(fetch_model)).run(
            asyncio.Event()
        )
    events = [json.loads(line)["event"] for line in out.getvalue().splitlines()]
    assert {"to stdout", "to stderr"} < set(events)
    assert capfd.readouterr() == ("", "")


def test_celery_does_not_warn_of_root() -> None:
    check = (
        "import os; os.getuid = os.geteuid = os.getgid = os.getegid = lambda: 0\n"
        "from celery.platforms import check_privileges; check_privileges(['json'])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", check],
        env=os.environ | service.WORKER_WARNINGS,
        capture_output=True,
        check=True,
    )
    assert ran.stderr == b""


async def test_a_part_that_cannot_start_ends_the_service(
    settings: ServeSettings, before: set[int]
) -> None:
    programs = replace(PROGRAMS, worker=lambda *_: ["sh", "-c", "exit 3"], api=lambda _: WORKER)
    with pytest.raises(ServeError, match="worker-1 ended with 3 before it was ready"):
        await serve(settings, lambda _: False, programs)
    assert children() == before


async def test_an_early_stop_leaves_nothing_either(
    settings: ServeSettings, before: set[int]
) -> None:
    await serve(settings, lambda _: True)
    assert children() == before


async def test_a_named_redis_is_used_instead_of_a_private_one(
    settings: ServeSettings, tmp_path: Path
) -> None:
    own = RedisServer(tmp_path)
    own.start()
    try:
        named = settings.model_copy(update={"redis_url": own.url})
        lines = await serve(named, lambda screen: "ready" in screen)
        with Redis.from_url(own.url) as client:
            assert client.hlen(WORKERS) > 0
    finally:
        own.kill()
    assert not [line for line in lines if line.startswith("redis")]
    assert list((settings.folder / "redis").iterdir()) == []


async def test_the_workers_of_an_earlier_run_do_not_make_it_ready(settings: ServeSettings) -> None:
    await serve(settings, lambda screen: "ready" in screen)
    looks = itertools.count()
    silent = [sys.executable, "-c", SAY_GOODBYE + "print('loading', flush=True); time.sleep(60)"]
    healthy_looks = 8  # each of them would have said "ready"
    lines = await serve(
        settings,
        lambda screen: "loading" in screen and next(looks) > healthy_looks * 4,
        replace(PROGRAMS, worker=lambda *_: silent),
    )
    assert not [line for line in lines if "ready: open" in line]


def test_json_lines_are_json_and_have_no_prefix() -> None:
    out = io.StringIO()
    screen = Screen(out, as_json=True)
    screen.show("api", '{"event": "request"}')
    screen.show("redis", "it's a line")
    assert [json.loads(line) for line in out.getvalue().splitlines()] == [
        {"event": "request"},
        {"process": "redis", "event": "it's a line"},
    ]


@pytest.mark.parametrize(
    ("variable", "setting"),
    [("WORKER", "WORKERS"), ("LOGLEVEL", "LOG_LEVEL"), ("MAX_UPLOAD_BYTE", "MAX_UPLOAD_BYTES")],
)
def test_a_misspelled_setting_is_reported(variable: str, setting: str) -> None:
    assert list(misspelled([variable])) == [(variable, setting)]


def test_other_variables_are_not_reported() -> None:
    others = ["PATH", "HOME", "HOST", "USER", "LANG", "SHELL", "VIRTUAL_ENV", "TERM"]
    assert not list(misspelled([*others, "WORKERS", "PORT", "LOG_LEVEL", "DEVICE"]))
