"""One line for each request: route, status and duration; of a pipelined request only its own."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.api_process import ApiProcess
from tests.support.photos import jpeg
from tests.support.raw_client import raw
from tests.support.redis_server import RedisServer
from tests.support.served import eventually


def requests(process: ApiProcess, **fields: object) -> list[dict[str, Any]]:
    lines = [json.loads(one) for one in process.log.read_text().splitlines() if "{" in one]
    return [one for one in lines if one["event"] == "request" and fields.items() <= one.items()]


@pytest.mark.parametrize(
    ("method", "path", "route", "status"),
    [
        ("GET", f"/jobs/{'0' * 32}?api_key=secret", "/jobs/{job_id}", 422),
        ("GET", "/predict", "/predict", 405),
        ("GET", "/no/such/path", "unmatched", 404),
        ("HEAD", "/", "/", 200),
    ],
)
def test_a_request_is_a_line_with_route_status_and_duration(
    api: ApiProcess, method: str, path: str, route: str, status: int
) -> None:
    answer = api.client.request(method, path)
    assert answer.status_code == status
    request_id = answer.headers["x-request-id"]
    eventually(lambda: bool(requests(api, request_id=request_id)), 15)
    [line] = requests(api, request_id=request_id)
    assert (line["method"], line["route"], line["status"]) == (method, route, status)
    assert line["duration_ms"] > 0
    assert line["level"] == "info"
    assert "secret" not in str(line)


@pytest.mark.parametrize("path", ["/health", "/health/live", "/metrics", "/static/icon.svg"])
def test_probes_and_files_are_logged_only_for_debugging(
    api: ApiProcess, shared_redis: RedisServer, tmp_path: Path, path: str
) -> None:
    request_id = {"x-request-id": "find-me"}
    api.client.get(path, headers=request_id)
    api.client.get("/nothing", headers={"x-request-id": "after"})
    eventually(lambda: bool(requests(api, request_id="after")), 15)
    assert not requests(api, request_id="find-me")
    with ApiProcess(shared_redis.url, tmp_path, LOG_LEVEL="DEBUG") as process:
        process.client.get(path, headers=request_id)
        eventually(lambda: bool(requests(process, request_id="find-me")), 15)
        [line] = requests(process, request_id="find-me")
        assert line["level"] == "debug"


@pytest.mark.usefixtures("worker")
def test_a_pipelined_request_has_no_job_of_the_one_before(api: ApiProcess) -> None:
    photo = jpeg()

    def request(line: str, request_id: str, body: bytes = b"") -> bytes:
        fields = f"Host: x\r\nX-Request-ID: {request_id}\r\nContent-Length: {len(body)}\r\n\r\n"
        return f"{line} HTTP/1.1\r\n{fields}".encode() + body

    with raw(api.port) as line:
        line.send(
            request("POST /predict", "first", photo)
            + request("GET /", "second")
            + request("POST /predict", "third", photo)
            + request("GET /nothing", "fourth")
        )
        assert [line.answer().status for _ in range(4)] == [200, 200, 200, 404]
    eventually(lambda: len(requests(api, request_id="fourth")) == 1, 15)
    jobs = [requests(api, request_id=name)[0].get("job") for name in ("first", "third")]
    assert jobs[0] != jobs[1]
    assert all(jobs)
    for name in ("second", "fourth"):
        assert "job" not in requests(api, request_id=name)[0]
