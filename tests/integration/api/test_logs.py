"""One request's lines are found by its id in the logs of the api and of the worker."""

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from shared.redis_client import connect
from tests.integration.worker.conftest import photo
from tests.support.api_process import ApiProcess
from tests.support.redis_server import RedisServer
from tests.support.scripted_colors import FAILS, KILLS
from tests.support.served import eventually
from tests.support.worker_process import WorkerProcess

TWO_KEYS = ", ".join(f"{owner}:{digit * 64}" for owner, digit in {"alice": "0", "bob": "1"}.items())


class Logged:
    """An api and a worker, and what they say."""

    def __init__(self, stack: ExitStack, redis_url: str, folder: Path, form: str) -> None:
        how = {"LOG_FORMAT": form, "LOG_LEVEL": "DEBUG"}
        self.api = stack.enter_context(ApiProcess(redis_url, folder, **how))
        where = {"REDIS_URL": redis_url, "UPLOADS_URL": self.api.uploads.as_uri()}
        env = {**where, **how, "SCRIPTED_FAST": "1"}
        log = folder / "worker.log"
        self.worker = stack.enter_context(WorkerProcess(env, log, restart=True))
        with connect(redis_url, 2) as client:
            self.worker.wait_ready(client)

    def submit(self, request_id: str, *photos: bytes) -> str:
        """Send a batch, wait for its end; the job's id."""
        files = [("files", data) for data in photos]
        headers = {"x-request-id": request_id}
        where = self.api.client.post("/jobs", files=files, headers=headers).headers["location"]
        read = self.api.client.get
        eventually(lambda: read(where).json()["finished_at"] is not None, 60)
        return str(where.removeprefix("jobs/"))


@pytest.fixture
def logged(redis_server: RedisServer, tmp_path: Path) -> Iterator[Logged]:
    with ExitStack() as stack:
        yield Logged(stack, redis_server.url, tmp_path, "json")


def lines(text: str, **fields: object) -> list[dict[str, Any]]:
    """The JSON lines that have all of these fields."""
    objects = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [one for one in objects if fields.items() <= one.items()]


def test_a_request_is_followed_from_the_api_into_the_worker(logged: Logged) -> None:
    job = logged.submit("mine-1", photo(0), photo(0))
    other = logged.submit("other-1", photo(0))
    [accepted] = lines(logged.api.log.read_text(), event="job accepted", request_id="mine-1")
    assert (accepted["job"], accepted["items"]) == (job, 2)
    eventually(lambda: len(lines(logged.worker.log, event="item ended")) == 3, 15)
    ended = lines(logged.worker.log, event="item ended", request_id="mine-1")
    assert sorted((line["job"], line["item"]) for line in ended) == [(job, 0), (job, 1)]
    assert [line["end"] for line in ended] == ["succeeded"] * 2
    [of_other] = lines(logged.worker.log, event="item ended", job=other)
    assert of_other["request_id"] == "other-1"


def test_a_failure_and_a_second_attempt_carry_the_ids_too(logged: Logged) -> None:
    failed = logged.submit("fails-1", photo(FAILS))
    [line] = lines(logged.worker.log, event="inference failed")
    assert (line["request_id"], line["job"], line["item"]) == ("fails-1", failed, 0)
    assert "scripted failure" in line["exception"]
    killed = logged.submit("kills-1", photo(KILLS))
    again = lines(logged.worker.log, event="sent again")
    assert (killed, 0, "worker_lost") in {
        (line["job"], line["item"], line["reason"]) for line in again
    }
    answer = logged.api.client.post(
        "/predict", content=photo(0), headers={"x-request-id": "last-1"}
    )
    eventually(lambda: bool(lines(logged.worker.log, event="item ended", request_id="last-1")), 15)
    [line] = lines(logged.worker.log, event="item ended", request_id="last-1")
    assert line["job"] == answer.json()["job_id"]


def test_the_pretty_form_has_them_too(redis_server: RedisServer, tmp_path: Path) -> None:
    with ExitStack() as stack:
        logged = Logged(stack, redis_server.url, tmp_path, "pretty")
        job = logged.submit("mine-2", photo(0))
        eventually(lambda: "item ended" in logged.worker.log, 15)
        for log, event in ((logged.api.log.read_text(), "job accepted"),
                           (logged.worker.log, "item ended")):  # fmt: skip
            [line] = [one for one in log.splitlines() if event in one]
            assert "request_id=mine-2" in line
            assert f"job={job}" in line


def test_log_lines_about_a_photo_have_its_job_id(logged: Logged) -> None:
    eventually(lambda: logged.api.client.get("/health/ready").status_code == 200, 15)
    shutil.rmtree(logged.api.uploads)
    logged.api.uploads.write_text("no folder")  # so that the photo cannot be stored
    refused = logged.api.client.post(
        "/predict", content=photo(0), headers={"x-request-id": "lost-1"}
    )
    assert refused.status_code == 503
    [line] = lines(logged.api.log.read_text(), event="cannot store an upload", request_id="lost-1")
    assert len(line["job"]) == 32


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {"level": "warning", "event": "open to all clients: no API keys are set"}),
        (
            {"API_KEYS": f"alice:{'0' * 64}, bob:{'1' * 64}"},
            {"event": "API keys required", "keys": 2},
        ),
    ],
)
def test_the_start_logs_who_may_use_the_service(
    redis_server: RedisServer,
    tmp_path: Path,
    settings: dict[str, str],
    expected: dict[str, object],
) -> None:
    with ApiProcess(redis_server.url, tmp_path, LOG_FORMAT="json", **settings) as api:
        assert len(lines(api.log.read_text(), **expected)) == 1
