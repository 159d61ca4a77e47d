"""All results of a job in three forms, over real HTTP and real Redis."""

import csv
import io
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

from api.redis_client import connect_async
from shared.errors import InvalidImage
from shared.messages import Problem
from shared.queue.names import QueueName
from shared.records.jobs import JobStore
from shared.records.new_job import NewItem, NewJob
from tests.support.answers import slug
from tests.support.api_process import ApiProcess
from tests.support.photos import jpeg
from tests.support.played_worker import Answer, PlayedWorker, name_all, succeed
from tests.support.redis_server import RedisServer
from tests.support.served import eventually

LARGE = 4_000
DETAIL = "x" * 10_000


@pytest.fixture(scope="module")
def running_api(
    shared_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiProcess]:
    with ApiProcess(shared_redis.url, tmp_path_factory.mktemp("api")) as process:
        yield process


def submit(client: httpx.Client, names: list[str], top_k: int = 2) -> str:
    photo = jpeg()
    files = [("files", (name, b"none" if name.endswith(".txt") else photo)) for name in names]
    return str(client.post(f"/jobs?top_k={top_k}", files=files).headers["location"])


def finished(client: httpx.Client, where: str) -> dict[str, Any]:
    """The job with all of its items, as its pages tell them."""
    eventually(lambda: client.get(where).json()["finished_at"] is not None, 20)
    job: dict[str, Any] = client.get(where).json()
    while job["next"]:
        page = client.get(job["next"]).json()
        job = {**job, "items": job["items"] + page["items"], "next": page["next"]}
    return job


NAMES = [f"{at}.txt" if at % 10 == 0 else f"{at}.jpg" for at in range(250)]


@pytest.mark.parametrize("answer_with", [succeed, name_all], ids=["own labels", "ImageNet"])
def test_each_form_holds_what_the_pages_hold(
    client: httpx.Client, worker: PlayedWorker, answer_with: Answer
) -> None:
    worker.answer = answer_with
    where = submit(client, NAMES)
    job = finished(client, where)
    assert len(job["items"]) == 250

    answer = client.get(f"{where}/results")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["job-status"] == "completed"
    assert answer.json() == job

    answer = client.get(f"{where}/results?format=ndjson")
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line) for line in answer.text.splitlines()] == job["items"]

    answer = client.get(f"{where}/results?format=csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == (f'attachment; filename="{job["job_id"]}.csv"')
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 250
    for row, item in zip(rows, job["items"], strict=True):
        assert row["index"] == str(item["index"])
        assert row["path"] == item["filename"]
        assert row["status"] == item["status"]
        concept = item.get("concept", {})
        for name, column in (("label", ""), ("wnid", "_wnid"), ("confidence", "_confidence")):
            assert row[f"concept{column}"] == str(concept.get(name, ""))
        best = item.get("predictions", [{"label": "", "class_index": "", "confidence": ""}] * 2)
        for rank, found in enumerate(best, 1):
            assert row[f"label_{rank}"] == found["label"]
            assert row[f"wnid_{rank}"] == found.get("wnid", "")
            assert row[f"class_index_{rank}"] == str(found["class_index"])
            assert row[f"confidence_{rank}"] == str(found["confidence"])
        assert row["detail"] == item.get("error", {}).get("detail", "")
    assert rows[0]["error"] == "unsupported_media_type"


@pytest.mark.usefixtures("worker")
def test_csv_defuses_formulas_and_the_other_forms_keep_names_as_they_are(
    client: httpx.Client,
) -> None:
    names = ['=HYPERLINK("http:||x","y").jpg', "+1.jpg", "-1.jpg", "@a.jpg", "a=b,c.jpg"]
    where = submit(client, names)
    job = finished(client, where)
    kept = [item["filename"] for item in job["items"]]
    assert [name[0] for name in kept] == ["=", "+", "-", "@", "a"]
    rows = list(csv.DictReader(io.StringIO(client.get(f"{where}/results?format=csv").text)))
    assert [row["path"] for row in rows] == [*(f"'{name}" for name in kept[:4]), kept[4]]


def test_what_has_not_ended_says_so(client: httpx.Client, worker: PlayedWorker) -> None:
    worker.listen_to("no such queue")
    where = submit(client, ["0.jpg", "1.txt"])
    assert [item["status"] for item in client.get(f"{where}/results").json()["items"]] == [
        "queued",
        "failed",
    ]
    answer = client.get(f"{where}/results?format=csv")
    assert answer.headers["job-status"] == client.get(where).json()["status"] == "running"
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows[0][:3] == ["index", "path", "status"]
    assert rows[1] == ["0", "0.jpg", "queued", *[""] * 13]
    assert {len(row) for row in rows} == {16}


def test_a_cancelled_job_says_so(client: httpx.Client, worker: PlayedWorker) -> None:
    worker.listen_to("no such queue")
    where = submit(client, ["0.jpg", "1.txt"])
    client.delete(where)
    for form in ("json", "ndjson", "csv"):
        answer = client.get(f"{where}/results?format={form}")
        assert answer.headers["job-status"] == "cancelled"


def test_an_unknown_job_or_form_is_a_problem(client: httpx.Client) -> None:
    assert slug(client.get(f"/jobs/{'0' * 32}/results?format=csv")) == "job_not_found"
    assert slug(client.get("/jobs/x/results")) == "job_not_found"
    where = submit(client, ["0.jpg"])
    assert slug(client.get(f"{where}/results?format=xml")) == "invalid_parameter"


@pytest.fixture
async def large(shared_redis: RedisServer) -> str:
    """The path of a job of 40 MB of results."""
    client = connect_async(shared_redis.url, 10, 1)
    problem = Problem.of(InvalidImage(DETAIL))
    items = [NewItem(f"{at}.jpg", None, problem) for at in range(LARGE)]
    job = NewJob(uuid.uuid4().hex, QueueName.BATCH, 3, items)
    await JobStore(client, 3600, 100_000).create(job)
    await client.aclose()
    return f"/jobs/{job.job_id}/results?format=ndjson"


def test_a_large_document_takes_no_memory(api: ApiProcess, large: str) -> None:
    api.client.get(large.replace("ndjson", "csv"))
    before = api.memory_mb
    lines = 0
    with api.client.stream("GET", large) as answer:
        for _ in answer.iter_lines():
            lines += 1
            if lines % 500 == 0:
                assert api.memory_mb < before + 15
    assert lines == LARGE


def test_a_document_waits_for_a_redis_that_comes_back(
    api: ApiProcess, shared_redis: RedisServer, large: str
) -> None:
    with api.client.stream("GET", large) as answer:
        lines = answer.iter_lines()
        next(lines)
        shared_redis.pause()
        try:
            eventually(lambda: api.client.get("/health").json()["broker"]["status"] == "down", 15)
        finally:
            shared_redis.resume()
        assert 1 + sum(1 for _ in lines) == LARGE


def test_a_document_that_cannot_be_finished_breaks_off(
    running_api: ApiProcess, large: str, tmp_path: Path
) -> None:
    """A client must be able to tell it from a whole one."""
    target = tmp_path / "results"

    def fetch() -> None:
        with running_api.client.stream("GET", large) as answer, target.open("wb") as file:
            chunks = answer.iter_bytes()
            file.write(next(chunks))
            with Redis.from_url(running_api.redis_url) as redis:
                redis.delete(f"ic:job:{large.split('/')[2]}")
            file.writelines(chunks)

    with pytest.raises(httpx.RemoteProtocolError):
        fetch()
    assert 0 < target.read_bytes().count(b"\n") < LARGE
