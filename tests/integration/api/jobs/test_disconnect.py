"""A client that stops waiting, by hanging up or by cancelling."""

import socket
import threading

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.answers import slug, waiting_job
from tests.support.api_process import ApiProcess
from tests.support.photos import jpeg
from tests.support.played_worker import PlayedWorker
from tests.support.served import eventually

PHOTO = jpeg()


@pytest.fixture
def deaf(worker: PlayedWorker) -> PlayedWorker:
    """A worker that the api takes for a good one, and that takes nothing."""
    worker.listen_to("no such queue")
    return worker


def test_a_client_that_hangs_up_cancels_its_job(api: ApiProcess, deaf: PlayedWorker) -> None:
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(PHOTO)}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", api.port)) as connection:
        connection.sendall(head + PHOTO)
        job_id = waiting_job(deaf.client)
        assert f"{job_id}.0" in api.stored()
    eventually(lambda: api.client.get(f"/jobs/{job_id}").json()["status"] == "cancelled", 15)
    eventually(lambda: f"{job_id}.0" not in api.stored(), 15)


def counted(api: ApiProcess, status: int) -> float:
    """How many requests to /predict were counted under a status."""
    for family in text_string_to_metric_families(api.client.get("/metrics").text):
        for sample in family.samples:
            if (
                sample.name == "http_requests_total"
                and sample.labels["route"] == "/predict"
                and sample.labels["status"] == str(status)
            ):
                return sample.value
    return 0.0


@pytest.mark.parametrize("sent", [len(PHOTO), len(PHOTO) // 2], ids=["waiting", "sending"])
def test_a_client_that_hangs_up_is_counted_as_499_and_as_nothing_else(
    api: ApiProcess, deaf: PlayedWorker, sent: int
) -> None:
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(PHOTO)}\r\n\r\n".encode()
    before = {status: counted(api, status) for status in (200, 202, 409, 499)}
    with socket.create_connection(("127.0.0.1", api.port)) as connection:
        connection.sendall(head + PHOTO[:sent])
        if sent == len(PHOTO):
            waiting_job(deaf.client)
    eventually(lambda: counted(api, 499) == before[499] + 1, 15)
    after = {status: counted(api, status) for status in (200, 202, 409)}
    assert after == {status: before[status] for status in after}


def test_a_job_that_is_cancelled_while_its_client_waits_answers_409(
    api: ApiProcess, deaf: PlayedWorker
) -> None:
    answers: list[httpx.Response] = []
    ask = threading.Thread(
        target=lambda: answers.append(httpx.post(f"{api.url}/predict", content=PHOTO))
    )
    ask.start()
    job_id = waiting_job(deaf.client)
    assert api.client.delete(f"/jobs/{job_id}").json()["status"] == "cancelled"
    ask.join(5)
    assert answers[0].status_code == 409
    assert slug(answers[0]) == "job_cancelled"
