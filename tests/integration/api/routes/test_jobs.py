"""Many photos at once over real HTTP and real Redis; the worker is played."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from shared.messages import ItemResult
from shared.records.items import StartedItem
from tests.support.answers import slug
from tests.support.api_process import ApiProcess
from tests.support.photos import jpeg
from tests.support.played_worker import PlayedWorker, succeed
from tests.support.served import eventually

PHOTO = jpeg()
SMALL = b"\xff\xd8\xff" + bytes(100)
OVER_LIMIT = b"\xff\xd8\xff" + bytes(200_000)


def photos(count: int) -> list[tuple[str, tuple[str, bytes]]]:
    return [("files", (f"{at}.jpg", SMALL)) for at in range(count)]


def finished(client: httpx.Client, where: str) -> dict[str, Any]:
    eventually(lambda: client.get(where).json()["finished_at"] is not None, 10)
    job: dict[str, Any] = client.get(where).json()
    return job


@pytest.mark.usefixtures("worker")
def test_a_batch_completes_in_order_and_its_bad_photos_fail_alone(api: ApiProcess) -> None:
    files = [
        ("files", ("0.jpg", PHOTO)),
        ("files", ("1.txt", b"no photo")),
        ("files", ("2.jpg", b"")),
        ("files", ("3.jpg", OVER_LIMIT)),
        ("files", ("../4.jpg", PHOTO)),
    ]
    answer = api.client.post("/jobs?top_k=2", files=files)
    assert answer.status_code == 202
    assert answer.headers["location"] == f"jobs/{answer.json()['job_id']}"
    job = finished(api.client, answer.headers["location"])
    assert job["status"] == "completed"
    assert job["counts"] == {
        "total": 5, "queued": 0, "running": 0, "succeeded": 2, "failed": 3, "cancelled": 0
    }  # fmt: skip
    items = job["items"]
    assert [item["index"] for item in items] == [0, 1, 2, 3, 4]
    assert [item["filename"] for item in items] == ["0.jpg", "1.txt", "2.jpg", "3.jpg", "4.jpg"]
    assert [item.get("error", {}).get("status") for item in items] == [None, 415, 422, 413, None]
    assert len(items[0]["predictions"]) == 2
    assert set(items[4]) == {"index", "filename", "status", "predictions", "model", "timing_ms"}
    assert set(items[1]) == {"index", "filename", "status", "error"}
    assert job["created_at"] <= job["finished_at"] < job["expires_at"]


def test_a_batch_of_nothing_but_bad_photos_is_completed_at_once(client: httpx.Client) -> None:
    answer = client.post("/jobs", files=[("files", b"text"), ("files", b"more text")])
    assert answer.status_code == 202
    assert answer.json()["status"] == "completed"
    assert answer.json()["counts"]["failed"] == 2


def test_items_are_paged_and_next_leads_through_all_of_them(client: httpx.Client) -> None:
    where = client.post("/jobs", files=photos(25)).headers["location"]
    path: str | None = f"{where}?limit=10"
    seen: list[int] = []
    pages = 0
    while path:
        page = client.get(path).json()
        assert page["counts"]["total"] == 25
        seen += [item["index"] for item in page["items"]]
        path, pages = page["next"], pages + 1
    assert seen == list(range(25))
    assert pages == 3
    assert client.get(where, params={"offset": 20, "limit": 5}).json()["next"] is None
    assert client.get(where, params={"offset": 1000}).json()["items"] == []


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "offset=-1", "limit=x", f"offset={10**30}"]
)
def test_a_page_out_of_bounds_is_refused(client: httpx.Client, query: str) -> None:
    where = client.post("/jobs", files=photos(1)).headers["location"]
    answer = client.get(f"{where}?{query}")
    assert answer.status_code == 422
    assert slug(answer) == "invalid_parameter"


@pytest.mark.parametrize("job_id", ["0" * 32, "0", "x:states", "%00", "0" * 32 + ":items", "é"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_unknown_job_is_not_found(client: httpx.Client, method: str, job_id: str) -> None:
    answer = client.request(method, f"/jobs/{job_id}")
    assert answer.status_code == 404
    assert slug(answer) == "job_not_found"


def test_cancelling_drops_what_waits_and_its_uploads(api: ApiProcess, worker: PlayedWorker) -> None:
    running = threading.Event()

    def hold(_: StartedItem) -> ItemResult | None:
        running.set()
        return None

    worker.answer = hold
    worker.listen_to("no such queue")
    where = api.client.post("/jobs", files=photos(5)).headers["location"]
    job_id = where.removeprefix("jobs/")
    eventually(lambda: worker.client.llen("batch") == 5, 15)
    held = worker.client.rpop("batch")
    worker.client.lpush("one message", str(held))
    worker.listen_to("one message")
    assert running.wait(5)
    job = api.client.delete(where)
    assert job.status_code == 200
    assert job.json()["status"] == "cancelled"
    assert job.json()["counts"]["cancelled"] == 4
    assert job.json()["counts"]["running"] == 1
    assert [name for name in api.stored() if name.startswith(job_id)] == [f"{job_id}.0"]
    assert api.client.delete(where).json()["counts"] == job.json()["counts"]


@pytest.mark.usefixtures("worker")
def test_cancelling_what_has_ended_changes_nothing(api: ApiProcess) -> None:
    where = api.client.post("/jobs", files=photos(2)).headers["location"]
    before = finished(api.client, where)
    assert api.client.delete(where).json() == before


BAD = {
    "JSON": ({"json": {"files": []}}, 400, "malformed_request"),
    "a raw photo": ({"content": PHOTO}, 400, "malformed_request"),
    "nothing": ({"content": b""}, 400, "malformed_request"),
    "the wrong field": ({"files": [("files", SMALL), ("file", SMALL)]}, 400, "malformed_request"),
    "a text field": ({"files": photos(2), "data": {"a": "b"}}, 400, "malformed_request"),
    "too many photos": ({"files": photos(51)}, 413, "upload_too_large"),
    "too many bytes": (
        {"files": [("files", b"\xff\xd8\xff" + bytes(150_000))] * 25},
        413,
        "upload_too_large",
    ),
    "top_k 0": ({"files": photos(1), "params": {"top_k": 0}}, 422, "invalid_parameter"),
    "an empty body": (
        {"headers": {"content-type": "multipart/form-data; boundary=x"}},
        400,
        "malformed_request",
    ),
    "a gzipped form": (
        {
            "content": b"\x1f\x8b\x08" + bytes(50),
            "headers": {
                "content-type": "multipart/form-data; boundary=x",
                "content-encoding": "gzip",
            },
        },
        415,
        "unsupported_media_type",
    ),
}


@pytest.mark.parametrize(("request_", "status", "expected"), BAD.values(), ids=BAD)
def test_a_refused_batch_leaves_nothing_behind(
    api: ApiProcess, request_: dict[str, Any], status: int, expected: str
) -> None:
    before = api.stored()
    answer = api.client.post("/jobs", **request_)
    assert answer.status_code == status, answer.text
    assert slug(answer) == expected
    assert api.stored() == before


def test_too_many_bytes_are_refused_while_they_stream(api: ApiProcess) -> None:
    before = api.stored()

    def body() -> Iterator[bytes]:
        for _ in range(40):
            yield b'--x\r\nContent-Disposition: form-data; name="files"\r\n\r\n'
            yield b"\xff\xd8\xff" + bytes(150_000) + b"\r\n"

    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = api.client.post("/jobs", content=body(), headers=headers)
    assert answer.status_code == 413
    assert slug(answer) == "upload_too_large"
    assert api.stored() == before


def test_a_client_that_vanishes_while_sending_leaves_nothing_behind(api: ApiProcess) -> None:
    before = api.stored()
    part = b'--x\r\nContent-Disposition: form-data; name="files"\r\n\r\n' + SMALL + b"\r\n"
    head = b"POST /jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n"
    head += b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    with socket.create_connection(("127.0.0.1", api.port)) as connection:
        connection.sendall(head + part * 10)
        eventually(lambda: len(api.stored()) >= len(before) + 9, 15)
    eventually(lambda: api.stored() == before, 15)


def test_the_answer_to_top_k_is_the_same_for_a_batch(api: ApiProcess, worker: PlayedWorker) -> None:
    asked: list[int] = []

    def note(item: StartedItem) -> ItemResult:
        asked.append(item.top_k)
        return succeed(item)

    worker.answer = note
    where = api.client.post("/jobs?top_k=9", files=photos(2)).headers["location"]
    finished(api.client, where)
    assert asked == [9, 9]
