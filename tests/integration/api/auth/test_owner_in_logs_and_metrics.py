"""The owner of a request is in its log lines and in three counters; without keys there is none."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.answers import slug
from tests.support.api_process import ApiProcess
from tests.support.photos import jpeg
from tests.support.redis_server import RedisServer
from tests.support.served import eventually


def counted(client: httpx.Client, name: str, **labels: str) -> float:
    """The sum of a counter's series that have these labels."""
    families = text_string_to_metric_families(client.get("/metrics").text)
    return sum(
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def lines(api: ApiProcess, **fields: object) -> list[dict[str, Any]]:
    logged = [json.loads(line) for line in api.log.read_text().splitlines() if line[:1] == "{"]
    return [line for line in logged if fields.items() <= line.items()]


@pytest.mark.usefixtures("worker")
def test_an_owner_is_in_log_lines_and_on_three_counters(
    api: ApiProcess, alice: httpx.Client, bob: httpx.Client
) -> None:
    files = [("files", ("a.jpg", jpeg())), ("files", ("b", b"no photo"))]
    job = alice.post("/jobs", files=files)
    alice.post("/predict", content=jpeg()).raise_for_status()
    alice.head("/model")
    assert slug(alice.get("/jobs/1")) == "job_not_found"
    assert alice.post("/jobs?top_k=0", files=files).status_code == 422
    request_id = job.headers["x-request-id"]
    eventually(lambda: len(lines(api, request_id=request_id, owner="alice")) == 2, 10)
    assert {line["event"] for line in lines(api, request_id=request_id)} == {
        "job accepted", "request",
    }  # fmt: skip
    assert not lines(api, owner="bob")
    eventually(lambda: counted(bob, "classifier_owner_items_ended_total", owner="alice") == 3, 10)
    ends = {"queue": "batch", "end": "unsupported_media_type"}
    assert counted(bob, "classifier_owner_items_ended_total", owner="alice", **ends) == 1
    assert counted(bob, "classifier_items_ended_total", **ends) == 1
    assert counted(bob, "http_requests_total", owner="alice", route="/jobs", status="202") == 1
    assert counted(bob, "http_requests_total", owner="alice", method="HEAD") == 1
    reasons = {"reason": "invalid_parameter", "owner": "alice"}
    assert counted(bob, "classifier_refusals_total", **reasons) == 1


def test_who_has_no_valid_key_makes_no_label(api: ApiProcess, bob: httpx.Client) -> None:
    before = counted(bob, "classifier_refusals_total", reason="unauthorized", owner="")
    with httpx.Client(
        base_url=api.url, headers={"x-api-key": "mallory"}, trust_env=False
    ) as client:
        assert client.get("/jobs").status_code == 401
    assert counted(bob, "classifier_refusals_total", reason="unauthorized", owner="") == before + 1
    assert "mallory" not in bob.get("/metrics").text + api.log.read_text()


def test_an_owner_without_keys_is_counted_with_all_others(
    bob: httpx.Client, shared_redis: RedisServer, tmp_path: Path
) -> None:
    bob.post("/jobs", files=[("files", b"no photo")]).raise_for_status()
    with ApiProcess(shared_redis.url, tmp_path) as opened:
        text = opened.client.get("/metrics").text
        assert "bob" not in text
        assert "owner=" not in text
        assert counted(opened.client, "classifier_items_ended_total", queue="batch") == counted(
            bob, "classifier_items_ended_total", queue="batch"
        )
        opened.client.get("/model")
        assert not lines(opened, owner="")
