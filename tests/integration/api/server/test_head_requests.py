"""HEAD is answered as GET without a body (RFC 9110, 9.1), against a real uvicorn."""

import json
from pathlib import Path

import httpx
import pytest

from tests.support.api_process import ROOT, ApiProcess
from tests.support.photos import jpeg

# What differs between any two answers, and what belongs to a body.
VARY = {"date", "x-request-id", "transfer-encoding"}
PAGES = ["/", "/docs", "/openapi.json", "/static/icon.svg", "/swagger-ui/swagger-ui.css"]


def described() -> list[str]:
    paths = json.loads(Path(ROOT / "openapi.json").read_text())["paths"]
    return [path for path, operations in paths.items() if "get" in operations]


def compared(answer: httpx.Response) -> tuple[int, dict[str, str]]:
    fields = {name: value for name, value in answer.headers.items() if name not in VARY}
    if answer.request.url.path in {"/metrics", "/health"}:  # figures grow
        fields.pop("content-length")
    return answer.status_code, fields


@pytest.fixture(scope="module")
def job(running_api: ApiProcess) -> str:
    return str(running_api.client.post("/jobs", files={"files": jpeg()}).json()["job_id"])


@pytest.mark.parametrize("path", [*described(), *PAGES])
@pytest.mark.usefixtures("worker")
def test_head_is_answered_as_get_without_a_body(api: ApiProcess, path: str, job: str) -> None:
    url = path.replace("{job_id}", job)
    with api.client.stream("GET", f"/jobs/{job}/events") as events:
        events.read()
    head = api.client.head(url)
    if path.endswith("/events"):
        assert (head.status_code, head.headers["allow"]) == (405, "GET")
        return
    assert compared(head) == compared(api.client.get(url))
    silent = path.startswith(("/model", "/v2/models"))
    assert head.status_code == (503 if silent else 200), "no worker has said its model"
    assert head.content == b""
    assert api.client.get("/health/live").status_code == 200, "the next answer is its own"


@pytest.mark.parametrize(
    ("path", "status"), [("/jobs/" + "0" * 32, 404), ("/nothing", 404), ("/predict", 405)]
)
def test_errors_are_those_of_get(api: ApiProcess, path: str, status: int) -> None:
    head = api.client.head(path)
    assert compared(head) == compared(api.client.get(path))
    assert (head.status_code, head.content) == (status, b"")


@pytest.mark.parametrize(("path", "allow"), [("/health", "GET, HEAD"), ("/", "GET, HEAD")])
def test_allow_names_head(api: ApiProcess, path: str, allow: str) -> None:
    assert api.client.put(path).headers["allow"] == allow


def test_it_is_counted_as_head(api: ApiProcess) -> None:
    api.client.head("/health/live")
    figures = api.client.get("/metrics").text
    assert 'http_requests_total{method="HEAD",route="/health/live",status="200"}' in figures
