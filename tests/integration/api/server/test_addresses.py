"""Addresses that the API returns are right under every prefix, and no answer redirects."""

from collections.abc import Iterator
from urllib.parse import urljoin

import httpx
import pytest

from tests.support.answers import slug
from tests.support.api_process import ApiProcess
from tests.support.photos import jpeg
from tests.support.redis_server import RedisServer

BEHIND_TLS = {"x-forwarded-proto": "https", "x-forwarded-host": "photos.example"}
ZERO = "0" * 32


@pytest.mark.parametrize(
    ("method", "path", "named"),
    [
        ("POST", "/predict/", "/predict"),
        ("POST", "/jobs/", "/jobs"),
        ("GET", f"/jobs/{ZERO}/", f"/jobs/{ZERO}"),
        ("GET", "/health//", "/health"),
        ("HEAD", "/docs/", "/docs"),
    ],
)
def test_a_trailing_slash_is_not_found_and_the_right_path_named(
    api: ApiProcess, method: str, path: str, named: str
) -> None:
    answer = api.client.request(method, path, content=jpeg(), headers=BEHIND_TLS)
    assert answer.status_code == 404
    assert "location" not in answer.headers
    if method != "HEAD":
        assert slug(answer) == "not_found"
        assert f" {named} instead" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/static", "/static/", "/static/page", "/nothing/", "//"])
def test_nothing_redirects(api: ApiProcess, path: str) -> None:
    answer = api.client.get(api.url + path)
    assert (answer.status_code, slug(answer)) == (404, "not_found")


@pytest.fixture(scope="module", params=[None, "/classifier"], ids=["no prefix", "--root-path"])
def prefixed(
    request: pytest.FixtureRequest,
    shared_redis: RedisServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[httpx.Client]:
    """The API below ``/classifier``; a proxy in front of it takes the prefix off."""
    settings = {"UVICORN_ROOT_PATH": request.param} if request.param else {}
    with ApiProcess(shared_redis.url, tmp_path_factory.mktemp("api"), **settings) as api:
        yield api.client


def test_location_is_relative_to_the_request(prefixed: httpx.Client) -> None:
    answer = prefixed.post("/jobs", files={"files": jpeg()})
    job = answer.json()["job_id"]
    where = urljoin("https://host.example/classifier/jobs", answer.headers["location"])
    assert where == f"https://host.example/classifier/jobs/{job}"
    assert prefixed.get(answer.headers["location"]).json()["job_id"] == job


def test_the_description_names_its_own_folder_as_the_server(prefixed: httpx.Client) -> None:
    [server] = prefixed.get("/openapi.json").json()["servers"]
    assert urljoin("https://host.example/classifier/openapi.json", server["url"]) == (
        "https://host.example/classifier/"
    )


def test_nothing_is_requested_from_the_root(prefixed: httpx.Client) -> None:
    for page in ("/", "/docs"):
        text = prefixed.get(page).text
        assert 'href="/' not in text
        assert 'src="/' not in text


def test_a_wrong_path_is_named_below_the_prefix(prefixed: httpx.Client) -> None:
    assert " /jobs instead" in prefixed.get("/jobs/").json()["detail"]
