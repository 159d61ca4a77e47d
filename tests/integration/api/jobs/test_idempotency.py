"""A batch that is sent twice with one Idempotency-Key is one job."""

import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from redis import Redis

from tests.support.answers import slug
from tests.support.api_process import ApiProcess
from tests.support.played_worker import PlayedWorker
from tests.support.redis_server import RedisServer
from tests.support.served import eventually

Files = list[tuple[str, tuple[str, bytes]]]


def photo(fill: int, size: int = 100) -> bytes:
    return b"\xff\xd8\xff" + bytes([fill]) * size


FILES: Files = [
    ("files", ("a.jpg", photo(1))),
    ("files", ("b.jpg", photo(2))),
    ("files", ("c.txt", b"no photo")),
    ("files", ("d.jpg", photo(4, 200_000))),
]


def post(client: httpx.Client, key: str | None, files: Files, **more: float) -> httpx.Response:
    headers = {"idempotency-key": key} if key else {}
    return client.post("/jobs", files=files, headers=headers, params=more)


def new_key() -> str:
    return uuid.uuid4().hex


def test_the_same_batch_under_the_same_key_is_the_same_job(api: ApiProcess) -> None:
    key = new_key()
    first = post(api.client, key, FILES)
    stored = api.stored()
    again = post(api.client, key, FILES)
    assert first.request.headers["content-type"] != again.request.headers["content-type"]
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.headers["location"] == first.headers["location"]
    assert again.json() == first.json()
    assert api.stored() == stored
    with Redis.from_url(api.redis_url) as redis:
        eventually(lambda: redis.llen("batch") == 2, 15)
        time.sleep(0.3)
        assert redis.llen("batch") == 2


def test_without_a_key_or_with_another_it_is_another_job(client: httpx.Client) -> None:
    keys = [None, None, new_key(), new_key()]
    assert len({post(client, key, FILES).json()["job_id"] for key in keys}) == 4


OTHERS: dict[str, Files] = {
    "another photo": [FILES[0], ("files", ("b.jpg", photo(3))), *FILES[2:]],
    "another name": [FILES[0], ("files", ("B.jpg", photo(2))), *FILES[2:]],
    "another order": [FILES[1], FILES[0], *FILES[2:]],
    "another text that is no photo": [*FILES[:2], ("files", ("c.txt", b"neither")), FILES[3]],
    "another photo that is too large": [*FILES[:3], ("files", ("d.jpg", photo(4, 199_999) + b"!"))],
    "fewer": FILES[:3],
    "more": [*FILES, FILES[0]],
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_another_batch_under_the_same_key_is_refused(api: ApiProcess, other: Files) -> None:
    key = new_key()
    post(api.client, key, FILES)
    stored = api.stored()
    answer = post(api.client, key, other)
    assert answer.status_code == 409
    assert slug(answer) == "idempotency_conflict"
    assert api.stored() == stored


def test_other_parameters_under_the_same_key_are_refused(client: httpx.Client) -> None:
    key = new_key()
    post(client, key, FILES)
    assert slug(post(client, key, FILES, top_k=5)) == "idempotency_conflict"
    assert slug(post(client, key, FILES, min_confidence=0.5)) == "idempotency_conflict"
    assert post(client, key, FILES, top_k=3).status_code == 202
    assert post(client, key, FILES, min_confidence=0).status_code == 202
    other = new_key()
    post(client, other, FILES, min_confidence=0.5)
    assert slug(post(client, other, FILES)) == "idempotency_conflict"
    assert slug(post(client, other, FILES, min_confidence=0.4)) == "idempotency_conflict"
    assert post(client, other, FILES, min_confidence=0.50).status_code == 202


def test_many_at_once_under_one_key_are_one_job(api: ApiProcess) -> None:
    key, before = new_key(), len(api.stored())
    files = [("files", (f"{at}.jpg", photo(at, 50_000))) for at in range(20)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(api.client, key, files), range(8)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["job_id"] for answer in answers}) == 1
    assert len(api.stored()) == before + 20


@pytest.mark.parametrize("key", ["", "x" * 256, "with space", "\u00e9".encode()])
def test_an_invalid_key_is_refused(client: httpx.Client, key: str | bytes) -> None:
    answer = client.post("/jobs", files=FILES, headers={b"idempotency-key": key})
    assert answer.status_code == 422
    assert slug(answer) == "invalid_parameter"
    assert "Idempotency-Key" in answer.json()["detail"]


def test_a_refused_batch_does_not_use_up_its_key(client: httpx.Client) -> None:
    key = new_key()
    assert post(client, key, [("file", ("a.jpg", photo(1)))]).status_code == 400
    assert post(client, key, FILES).status_code == 202


@pytest.fixture
def own_api(redis_server: RedisServer, tmp_path: Path) -> Iterator[ApiProcess]:
    with ApiProcess(redis_server.url, tmp_path, JOB_TTL_S="1") as process:
        yield process


def test_a_retry_after_an_unknown_outcome_finds_the_job(
    own_api: ApiProcess, redis_server: RedisServer
) -> None:
    """Redis stops before the record is written, so the api cannot know whether it was."""
    known = post(own_api.client, None, [("files", ("c.txt", b"no photo"))]).json()["job_id"]
    part = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'
    first_photo = part + photo(1, 10_000) + b"\r\n"
    body = first_photo + part + photo(2) + b"\r\n--x--\r\n"

    def stalling() -> Iterator[bytes]:
        yield first_photo + part
        # what the service asks Redis for before it reads photos is then behind it
        eventually(lambda: own_api.stored() != [], 10)
        redis_server.pause()
        yield body.removeprefix(first_photo + part)

    headers = {"content-type": "multipart/form-data; boundary=x", "idempotency-key": new_key()}
    try:
        first = own_api.client.post("/jobs", content=stalling(), headers=headers)
        assert slug(first) == "broker_unavailable"
    finally:
        redis_server.resume()
    eventually(lambda: own_api.client.get("/health").json()["broker"]["status"] == "up", 15)
    with Redis.from_url(redis_server.url, decode_responses=True) as redis:
        [landed] = {key.split(":")[2] for key in redis.keys("ic:job:*:items")} - {known}
    answers = [own_api.client.post("/jobs", content=body, headers=headers) for _ in range(2)]
    job_ids = {answer.json()["job_id"] for answer in answers}
    assert job_ids == {landed}
    job_id = job_ids.pop()
    assert own_api.stored() == [f"{job_id}.0", f"{job_id}.1"], "still to be read"


def test_a_key_lives_as_long_as_its_job(own_api: ApiProcess, redis_server: RedisServer) -> None:
    key = new_key()
    first = post(own_api.client, key, FILES[:2]).json()
    time.sleep(1.5)
    assert post(own_api.client, key, FILES[:2]).json()["job_id"] == first["job_id"], (
        "it has not ended"
    )
    with PlayedWorker(redis_server.url) as worker:
        eventually(lambda: worker.client.keys("ic:job:*") == [], 10)
        assert worker.client.keys("ic:idempotency:*") == []
    assert post(own_api.client, key, FILES[1:]).status_code == 202
