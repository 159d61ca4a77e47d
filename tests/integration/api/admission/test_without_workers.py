"""An api whose Redis works and that has no worker: what is durable is taken, the rest refused."""

import socket

import httpx
import pytest

from tests.support.answers import slug
from tests.support.api_process import ApiProcess
from tests.support.photos import jpeg

PHOTO = jpeg()


@pytest.mark.parametrize("prefer", ["respond-async", "wait=0", "handling=strict, respond-async"])
def test_a_request_that_does_not_wait_needs_no_worker(api: ApiProcess, prefer: str) -> None:
    answer = api.client.post("/predict", content=PHOTO, headers={"prefer": prefer})
    assert answer.status_code == 202
    assert answer.headers["preference-applied"] in {"respond-async", "wait=0"}
    job_id = answer.json()["job_id"]
    assert answer.headers["location"] == f"jobs/{job_id}"
    assert api.client.get(f"/jobs/{job_id}").json()["counts"]["queued"] == 1
    assert f"{job_id}.0" in api.stored()


def test_a_request_that_waits_is_refused_at_once(client: httpx.Client) -> None:
    answer = client.post("/predict", content=PHOTO, headers={"prefer": "wait=120"}, timeout=20)
    assert answer.status_code == 503
    assert slug(answer) == "no_workers"


def test_a_batch_is_taken(client: httpx.Client) -> None:
    answer = client.post("/jobs", files=[("files", PHOTO), ("files", PHOTO)])
    assert answer.status_code == 202
    assert answer.json()["counts"]["queued"] == 2


def test_the_model_is_not_known_yet(client: httpx.Client) -> None:
    answer = client.get("/model")
    assert answer.status_code == 503
    assert slug(answer) == "no_workers"


def test_an_early_refusal_of_an_endless_body_reaches_its_sender(api: ApiProcess) -> None:
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {10**12}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", api.port), timeout=6) as connection:
        connection.sendall(head + PHOTO)
        answer = b""
        while chunk := connection.recv(65_536):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"connection: close" in answer.lower()
    assert b"no_workers" in answer


def test_a_refused_small_body_leaves_the_connection_in_use(api: ApiProcess) -> None:
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(PHOTO)}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", api.port), timeout=6) as connection:
        for _ in range(2):
            connection.sendall(head + PHOTO)
            answer = b""
            while not answer.endswith(b"}"):
                answer += connection.recv(65_536)
            assert answer.startswith(b"HTTP/1.1 503")
