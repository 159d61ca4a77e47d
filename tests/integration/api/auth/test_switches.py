"""With and without keys, documentation and metrics open or not there."""

from pathlib import Path

import pytest

from tests.support.api_keys import ALICE, ALICE_ENTRY, api_with
from tests.support.redis_server import RedisServer
from tests.support.routes import every_route

DOCS = {"/docs", "/openapi.json", "/swagger-ui/x"}


def test_open_docs_and_metrics_need_no_key(shared_redis: RedisServer, tmp_path: Path) -> None:
    switches = {"DOCS_ENABLED": "true", "METRICS_ENABLED": "true", "API_KEYS": ALICE_ENTRY}
    with api_with(shared_redis, tmp_path, **switches) as client:
        for path in ("/docs", "/openapi.json", "/swagger-ui/swagger-ui.css", "/metrics"):
            assert client.get(path).status_code == 200, path
        assert client.get("/health").status_code == 401


@pytest.mark.parametrize("entries", ["", ALICE_ENTRY], ids=["without keys", "with keys"])
def test_disabled_docs_and_metrics_are_not_found(
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
        statuses = {
            path: client.request(method, path).status_code for method, path in every_route()
        }
    assert 401 not in statuses.values()
