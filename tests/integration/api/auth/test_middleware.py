"""With API keys every route but the open ones is closed, and a job is visible only to its owner."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from api.auth import keys
from tests.support.answers import slug
from tests.support.api_process import ApiProcess
from tests.support.photos import jpeg
from tests.support.raw_client import raw
from tests.support.redis_server import RedisServer
from tests.support.routes import A_JOB, every_route

ALICE, ALICE_ENTRY = keys.make("alice")
BOB, BOB_ENTRY = keys.make("bob")
OPEN = {"/", "/static/x", "/docs", "/swagger-ui/x", "/health/live", "/health/ready"}
DOCS = {"/docs", "/openapi.json", "/swagger-ui/x"}
ROUTES = every_route()
CLOSED = [(method, path) for method, path in ROUTES if path not in OPEN]
OF_A_JOB = [(method, path) for method, path in ROUTES if A_JOB in path]


@pytest.fixture(scope="module")
def running_api(
    shared_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiProcess]:
    folder = tmp_path_factory.mktemp("api")
    (folder / "keys").write_text(BOB_ENTRY + "\n")
    settings = {"API_KEYS": ALICE_ENTRY, "API_KEYS_FILE": str(folder / "keys")}
    with ApiProcess(shared_redis.url, folder, **settings) as process:
        yield process


@contextmanager
def api_with(redis: RedisServer, folder: Path, **settings: str) -> Iterator[httpx.Client]:
    with ApiProcess(redis.url, folder, **settings) as process:
        yield process.client


@pytest.fixture
def alice(api: ApiProcess) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=api.url, headers={"authorization": f"Bearer {ALICE}"}, trust_env=False
    ) as client:
        yield client


@pytest.fixture
def bob(api: ApiProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=api.url, headers={"x-api-key": BOB}, trust_env=False) as client:
        yield client


def test_the_walk_finds_what_is_known_to_be_there() -> None:
    assert {path for _, path in ROUTES} >= OPEN | DOCS | {"/predict", "/jobs", "/metrics", "/model"}
    assert len(OF_A_JOB) >= 4


@pytest.mark.parametrize(("method", "path"), CLOSED)
@pytest.mark.parametrize(
    "sent",
    [{}, {"x-api-key": "wrong"}, {"authorization": "Bearer wrong"}, {"authorization": ALICE}],
    ids=["no key", "wrong key", "wrong bearer", "no scheme"],
)
def test_every_route_that_is_not_named_open_is_closed(
    client: httpx.Client, method: str, path: str, sent: dict[str, str]
) -> None:
    answer = client.request(method, path, headers=sent)
    assert answer.status_code == 401, f"{method} {path} is open"
    assert answer.headers["www-authenticate"].startswith("Bearer ")
    if method != "HEAD":
        assert slug(answer) == "unauthorized"
    assert ("invalid_token" in answer.headers["www-authenticate"]) is bool(sent)


@pytest.mark.parametrize("path", ["/nothing", "//health/live", "/static", "/health/live/", "/%2e"])
def test_what_is_no_route_is_closed_too(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 401


@pytest.mark.parametrize("path", ["/", "/health/live", "/health/ready", "/static/icon.svg"])
@pytest.mark.usefixtures("worker")
def test_the_open_ones_ask_no_key(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 200


def test_what_is_open_says_a_status_word_and_no_more(client: httpx.Client) -> None:
    assert set(client.get("/health/ready").json()) == {"status"}
    assert set(client.get("/health/live").json()) == {"status"}


@pytest.mark.parametrize("path", ["/health", "/metrics", "/docs", "/openapi.json"])
def test_a_key_opens_the_closed_ones(alice: httpx.Client, path: str) -> None:
    assert alice.get(path).status_code in {200, 503}


def test_a_stranger_is_refused_before_his_body_is_read(api: ApiProcess) -> None:
    head = (
        b"POST /jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n"
    )
    with raw(api.port) as line:
        line.send(head)
        answer = line.answer()  # not 100 Continue
    assert (answer.status, answer.slug) == (401, "unauthorized")


# --- whose job it is ---


def submit(client: httpx.Client, **headers: str) -> str:
    files = [("files", ("a.jpg", jpeg()))]
    answer = client.post("/jobs", files=files, headers=headers)
    assert answer.status_code == 202
    return str(answer.json()["job_id"])


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(("method", "path"), OF_A_JOB)
def test_a_job_is_its_owners_alone(
    alice: httpx.Client, bob: httpx.Client, method: str, path: str
) -> None:
    job_id = submit(alice)
    mine = alice.get(f"/jobs/{job_id}").json()
    theirs = path.replace(A_JOB, job_id)
    refused = bob.request(method, theirs)
    assert (refused.status_code, slug(refused)) == (404, "job_not_found")
    assert refused.json() == bob.request(method, path).json(), "it tells which jobs there are"
    assert alice.get(f"/jobs/{job_id}").json()["status"] != "cancelled"
    assert mine["job_id"] == job_id
    assert alice.request(method, theirs).status_code == 200


@pytest.mark.usefixtures("worker")
def test_a_photo_alone_is_its_owners_too(alice: httpx.Client, bob: httpx.Client) -> None:
    where = f"/jobs/{alice.post('/predict', content=jpeg()).json()['job_id']}"
    assert bob.get(where).status_code == 404
    assert alice.get(where).status_code == 200


@pytest.mark.usefixtures("worker")
def test_the_same_idempotency_key_of_two_owners_is_two_jobs(
    alice: httpx.Client, bob: httpx.Client
) -> None:
    chosen = uuid.uuid4().hex
    first = submit(alice, **{"idempotency-key": chosen})
    assert submit(alice, **{"idempotency-key": chosen}) == first
    other = submit(bob, **{"idempotency-key": chosen})
    assert other != first
    assert bob.get(f"/jobs/{other}").status_code == 200


@pytest.mark.usefixtures("worker")
def test_ids_cannot_be_guessed(alice: httpx.Client) -> None:
    made = [uuid.UUID(submit(alice)) for _ in range(20)]
    assert {one.version for one in made} == {4}, "122 bits from the system's generator"
    assert len({one.hex[:8] for one in made}) == 20


# --- switches ---


def test_open_docs_and_metrics_need_no_key(shared_redis: RedisServer, tmp_path: Path) -> None:
    switches = {"DOCS_ENABLED": "true", "METRICS_ENABLED": "true", "API_KEYS": ALICE_ENTRY}
    with api_with(shared_redis, tmp_path, **switches) as client:
        for path in ("/docs", "/openapi.json", "/swagger-ui/swagger-ui.css", "/metrics"):
            assert client.get(path).status_code == 200, path
        assert client.get("/health").status_code == 401


@pytest.mark.parametrize("entries", ["", ALICE_ENTRY], ids=["without keys", "with keys"])
def test_shut_docs_and_metrics_are_not_there(
    shared_redis: RedisServer, tmp_path: Path, entries: str
) -> None:
    switches = {"DOCS_ENABLED": "false", "METRICS_ENABLED": "false", "API_KEYS": entries}
    with api_with(shared_redis, tmp_path, **switches) as client:
        client.headers["x-api-key"] = ALICE
        for path in (*DOCS, "/swagger-ui/swagger-ui.css", "/metrics"):
            assert client.get(path).status_code == 404, path
        assert client.get("/health/live").status_code == 200


def test_without_keys_everything_is_open(shared_redis: RedisServer, tmp_path: Path) -> None:
    with api_with(shared_redis, tmp_path) as client:
        statuses = {path: client.request(method, path).status_code for method, path in ROUTES}
    assert 401 not in statuses.values()


# --- other sites ---

ORIGIN = "https://example.org"


def preflight(client: httpx.Client, origin: str) -> httpx.Response:
    asked = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,prefer",
    }
    return client.options("/predict", headers=asked)


def test_other_sites_may_not_ask_unless_named(shared_redis: RedisServer, tmp_path: Path) -> None:
    with api_with(shared_redis, tmp_path) as client:
        for answer in (preflight(client, ORIGIN), client.get("/model", headers={"origin": ORIGIN})):
            assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_named_site_may_ask_and_read(shared_redis: RedisServer, tmp_path: Path) -> None:
    settings = {"CORS_ORIGINS": ORIGIN, "API_KEYS": ALICE_ENTRY}
    with api_with(shared_redis, tmp_path, **settings) as client:
        assert preflight(client, ORIGIN).status_code == 200
        assert preflight(client, "https://evil.example").status_code == 400
        answer = client.get("/model", headers={"origin": ORIGIN})
        assert answer.status_code == 401, "a preflight is no key"
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert "location" in answer.headers["access-control-expose-headers"]
        assert "access-control-allow-credentials" not in answer.headers


# --- headers ---

EVERY_ANSWER = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


def assert_secured(headers: httpx.Headers | dict[str, str]) -> None:
    assert {name: headers.get(name) for name in EVERY_ANSWER} == EVERY_ANSWER
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] in {"no-store", "no-cache"}


@pytest.mark.parametrize(("method", "path"), [*ROUTES, ("GET", "/static/icon.svg")])
def test_every_answer_tells_browsers_what_they_may_not_do(
    alice: httpx.Client, client: httpx.Client, method: str, path: str
) -> None:
    for asking in (alice, client):
        assert_secured(asking.request(method, path).headers)


def test_so_does_a_refusal_before_any_route(api: ApiProcess) -> None:
    with raw(api.port) as line:
        line.send(b"nonsense\r\n\r\n")
        assert_secured(line.answer().headers)


def test_an_answer_is_not_kept(alice: httpx.Client) -> None:
    assert alice.get(f"/jobs/{A_JOB}").headers["cache-control"] == "no-store"


@pytest.mark.usefixtures("worker")
def test_a_key_is_all_that_a_photo_needs(alice: httpx.Client, bob: httpx.Client) -> None:
    for client in (alice, bob):
        answer = client.post("/predict", content=jpeg())
        assert answer.status_code == 200
        assert len(answer.json()["predictions"]) == 3
