"""Errors as documents."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Message

from api.http import responses
from api.metrics.requests import Metrics
from api.server.middleware import RequestContext, UnexpectedErrorMiddleware
from shared.errors import BrokerUnavailable, InvalidImage, ServiceError, WorkerLost, every_error
from shared.messages import Problem


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    responses.install(app)

    @app.get("/fault")
    async def fault() -> None:
        raise RuntimeError("secret")

    @app.get("/refused")
    async def refused() -> None:
        raise BrokerUnavailable("Later.", 7)

    @app.get("/number")
    async def number(n: int) -> int:
        return n

    @app.delete("/thing/{name}")
    @app.get("/thing/{name}")
    async def thing(name: str) -> str:
        return name

    app.add_middleware(UnexpectedErrorMiddleware)
    app.add_middleware(RequestContext, metrics=Metrics())
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as made:
        yield made


@pytest.mark.parametrize("error", every_error())
def test_every_error_is_a_whole_document_of_a_4xx_or_5xx(error: type[ServiceError]) -> None:
    answer = responses.respond_error(error("What to do."))
    body = json.loads(answer.body)
    assert body == {
        "type": f"/problems/{error.slug}",
        "title": error.title,
        "status": error.status,
        "detail": "What to do.",
    }
    assert answer.media_type == responses.MEDIA_TYPE
    assert answer.status_code == error.status >= 400
    assert ("retry-after" in answer.headers) is (error.status in {429, 503})


def test_slugs_are_unique() -> None:
    slugs = [error.slug for error in every_error()]
    assert len(slugs) == len(set(slugs))


def test_a_failed_item_names_its_job() -> None:
    answer = responses.respond_item(Problem.of(WorkerLost("Twice.")), "id")
    assert json.loads(answer.body)["job_id"] == "id"
    assert answer.headers["retry-after"] == "2"


async def test_an_internal_error_reveals_no_details(client: httpx.AsyncClient) -> None:
    answer = await client.get("/fault")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == responses.MEDIA_TYPE
    assert answer.headers["x-request-id"]
    assert "secret" not in answer.text


async def test_a_refusal_has_retry_after(client: httpx.AsyncClient) -> None:
    answer = await client.get("/refused")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")


async def test_what_fastapi_refuses_is_a_document_too(client: httpx.AsyncClient) -> None:
    for method, path, status, slug in [
        ("GET", "/number?n=x", 422, "invalid_parameter"),
        ("GET", "/number", 422, "invalid_parameter"),
        ("GET", "/nowhere", 404, "not_found"),
        ("DELETE", "/number", 405, "method_not_allowed"),
    ]:
        answer = await client.request(method, path)
        assert answer.status_code == status
        assert answer.headers["content-type"] == responses.MEDIA_TYPE
        assert answer.json()["type"] == f"/problems/{slug}"
    assert (await client.delete("/number")).headers["allow"] == "GET, HEAD"
    assert (await client.put("/thing/x")).headers["allow"] == "DELETE, GET, HEAD"
    for method, path, use in [
        ("PUT", "/number", "use GET."),
        ("PUT", "/thing/x", "use DELETE or GET."),
        ("POST", "/thing/x", "use DELETE or GET."),
    ]:
        assert use in (await client.request(method, path)).json()["detail"]
    assert (await client.get("/number?n=x")).json()["detail"].startswith("n: ")


@pytest.mark.parametrize(
    ("path", "prefix", "shown"),
    [("/hf", "", True), ("/v2/models/x", "", True), ("/p/v2", "/p", True), ("/v2x", "", False),
     ("/predict", "", False), ("/p/predict", "/p", False), ("/jobs/hf", "", False)],
)  # fmt: skip
async def test_clients_of_other_services_find_the_text_in_error(
    path: str, prefix: str, shown: bool
) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    answer = responses.respond_error(InvalidImage("What to do."))
    await answer({"type": "http", "path": path, "root_path": prefix}, receive, send)
    start, body = sent
    assert json.loads(body["body"]).get("error") == ("What to do." if shown else None)
    headers = dict(start["headers"])
    assert headers[b"content-length"] == str(len(body["body"])).encode()
    kind = b"application/json" if shown else responses.MEDIA_TYPE.encode()
    assert headers[b"content-type"] == kind
