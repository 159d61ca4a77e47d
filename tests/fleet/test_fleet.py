"""Several machines: any api for any job, and hosts and links that are lost while photos come in."""

import random
import socket
from collections.abc import Callable

import httpx
import pytest

from tests.chaos.conftest import Report
from tests.chaos.count import drain
from tests.chaos.traffic import Traffic, named, photo
from tests.fleet.fleet import Fleet, ask_each
from tests.fleet.losses import cut_redis, lose_api, lose_worker

BATCH = 2_000
# Who post small jobs and who wait for one photo, beside it: what two workers can still end.
CLIENTS, JOB_OF = (1, 2), 8
# What one worker holds at once; it may be lost between a photo's end and its deletion.
THREADS = 8
# A request that is not woken looks for itself when its 30 s have passed.
WOKEN_WITHIN_S = 15


def test_any_api_answers_for_any_job_and_any_worker_wakes_any_request(fleet: Fleet) -> None:
    files = [("files", named(number, number % 250)) for number in range(20)]
    key = {"idempotency-key": "one-batch"}
    everybody = set(range(len(fleet.workers)))
    with httpx.Client(timeout=60, trust_env=False) as client:
        for mine, other in (fleet.urls(), fleet.urls()[::-1]):
            seen: set[int] = set()
            for green in range(60):
                one = {"file": named(green, green)}
                woken = client.post(f"{mine}/predict", files=one, timeout=WOKEN_WITHIN_S)
                assert woken.status_code == 200, woken.text
                assert woken.json()["predictions"][0]["class_index"] == green
                seen |= fleet.ended_by(woken.json()["job_id"])
                if seen == everybody:
                    break
            assert seen == everybody
            job = client.post(f"{mine}/jobs", files=files, headers=key).json()["job_id"]
            again = client.post(f"{other}/jobs", files=files, headers=key).json()["job_id"]
            assert again == job
            with client.stream("GET", f"{other}/jobs/{job}/events") as events:
                assert '"completed"' in "".join(events.iter_text())
            answers = ask_each(fleet.urls(), f"/jobs/{job}")
            assert answers[0].json() == answers[1].json()
            assert answers[0].json()["counts"]["succeeded"] == len(files)
            key = {"idempotency-key": "another-batch"}
    fleet.until(lambda: fleet.stored() == [], 5)


def test_a_client_that_disconnects_from_the_balancer_is_not_waited_for(fleet: Fleet) -> None:
    for worker in fleet.workers:
        worker.pause()
    try:
        body = photo(0, 7)
        head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        address = httpx.URL(fleet.url)
        before = fleet.jobs()
        with socket.create_connection((address.host, address.port or 80)) as client:
            client.sendall(head.encode() + body)
            [job] = fleet.until(lambda: fleet.jobs() - before, 5)
        fleet.until(lambda: fleet.client.hget(f"ic:job:{job}", "cancelled") == "1", 5)
    finally:
        for worker in fleet.workers:
            worker.resume()
    fleet.until(lambda: fleet.stored() == [], 5)


@pytest.mark.parametrize("path", ["/metrics", "/metrics?all", "/%6Detrics", "/m%65trics"])
def test_metrics_are_served_by_each_api_and_not_by_the_balancer(fleet: Fleet, path: str) -> None:
    for url in fleet.urls():
        assert httpx.get(f"{url}{path}", trust_env=False).status_code == 200
    outside = httpx.get(f"{fleet.url}{path}", trust_env=False)
    assert outside.status_code == 404
    assert outside.json()["title"] == "Not found"


@pytest.mark.timeout(400)
def test_a_lost_worker_a_lost_api_and_a_cut_link_to_redis_lose_nothing(
    fleet: Fleet, rng: random.Random, report: Report, tell: Callable[[str], None]
) -> None:
    with Traffic(fleet, rng, job_of=JOB_OF, clients=CLIENTS, balanced=True) as traffic:
        batch = _send_batch(fleet, traffic, rng)
        recovery = [lose_worker(fleet, traffic, batch)]
        assert fleet.open_items(batch), "the batch had ended before the link was cut"
        recovery.append(cut_redis(fleet, traffic))
        assert fleet.open_items(batch), "the batch had ended before the api was lost"
        recovery.append(lose_api(fleet, traffic))
    drain(fleet)
    fleet.until(lambda: fleet.stored_jobs()[batch] <= THREADS, 5)
    left = fleet.stored_jobs()
    worker, link, api = recovery
    tell(
        f"recovery worker {worker:.1f} s, link {link:.1f} s, api {api:.1f} s; left to the sweeper "
        f"{left[batch]} of the batch of {BATCH}, {left.total() - left[batch]} others"
    )
    report(fleet, traffic, max(recovery))
    assert fleet.stored() == []
    tell("bucket empty")
    assert [worker.starts for worker in fleet.workers] == [1, 1, 1]


def _send_batch(fleet: Fleet, traffic: Traffic, rng: random.Random) -> str:
    with httpx.Client(base_url=fleet.url, timeout=60, trust_env=False) as client:
        traffic.send(client, "/jobs", traffic.files(rng, BATCH))
    [batch] = [job for job, size in traffic.told.accepted.items() if size == BATCH]
    return batch
