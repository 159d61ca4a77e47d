"""With API keys every route but the open ones is closed."""

import httpx
import pytest

from tests.support.answers import slug
from tests.support.api_keys import ALICE
from tests.support.api_process import ApiProcess
from tests.support.photos import jpeg
from tests.support.raw_client import raw
from tests.support.routes import every_route

OPEN = {"/", "/static/x", "/docs", "/swagger-ui/x", "/health/live", "/health/ready"}
DOCS = {"/docs", "/openapi.json", "/swagger-ui/x"}
ROUTES = every_route()
CLOSED = [(method, path) for method, path in ROUTES if path not in OPEN]


def test_the_list_of_routes_has_the_known_ones() -> None:
    assert {path for _, path in ROUTES} >= OPEN | DOCS | {"/predict", "/jobs", "/metrics", "/model"}


@pytest.mark.parametrize(("method", "path"), CLOSED)
@pytest.mark.parametrize(
    "sent",
    [{}, {"x-api-key": "wrong"}, {"authorization": "Bearer wrong"}, {"authorization": ALICE}],
    ids=["no key", "wrong key", "wrong bearer", "no scheme"],
)
def test_every_route_that_is_not_listed_as_open_requires_a_key(
    client: httpx.Client, method: str, path: str, sent: dict[str, str]
) -> None:
    answer = client.request(method, path, headers=sent)
    assert answer.status_code == 401, f"{method} {path} is open"
    assert answer.headers["www-authenticate"].startswith("Bearer ")
    if method != "HEAD":
        assert slug(answer) == "unauthorized"
    assert ("invalid_token" in answer.headers["www-authenticate"]) is bool(sent)


@pytest.mark.parametrize("path", ["/nothing", "//health/live", "/static", "/health/live/", "/%2e"])
def test_unknown_paths_require_a_key_too(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 401


@pytest.mark.parametrize("path", ["/", "/health/live", "/health/ready", "/static/icon.svg"])
@pytest.mark.usefixtures("worker")
def test_open_routes_require_no_key(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 200


def test_open_routes_return_only_a_status_word(client: httpx.Client) -> None:
    assert set(client.get("/health/ready").json()) == {"status"}
    assert set(client.get("/health/live").json()) == {"status"}


@pytest.mark.parametrize("path", ["/health", "/metrics", "/docs", "/openapi.json"])
def test_a_key_opens_every_route(alice: httpx.Client, path: str) -> None:
    assert alice.get(path).status_code in {200, 503}


def test_a_request_without_a_key_is_refused_before_its_body_is_read(api: ApiProcess) -> None:
    head = (
        b"POST /jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n"
    )
    with raw(api.port) as line:
        line.send(head)
        answer = line.answer()  # not 100 Continue
    assert (answer.status, answer.slug) == (401, "unauthorized")


@pytest.mark.usefixtures("worker")
def test_a_key_is_all_that_a_photo_needs(alice: httpx.Client, bob: httpx.Client) -> None:
    for client in (alice, bob):
        answer = client.post("/predict", content=jpeg())
        assert answer.status_code == 200
        assert len(answer.json()["predictions"]) == 3
