"""An object store that goes away or hangs: refusals soon and whole, and no accepted photo lost."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx

from shared.redis_client import connect
from shared.uploads import open_uploads
from tests.support.answers import slug
from tests.support.bucket_server import BucketServer
from tests.support.live_service import LiveService, coloured
from worker.recovery.redis_index import RecoveryIndex
from worker.recovery.upload_sweeper import Sweeper

# Four seconds for a turn at one of the threads, five for one try, and what surrounds them. Without
# a bound on the turn the last of so many would wait for five tries of others.
REFUSED_WITHIN_S = 15
AT_ONCE = 80
HEAD = b'--x\r\nContent-Disposition: form-data; name="files"; filename="7.png"\r\n\r\n'


def refuse(answer: httpx.Response) -> None:
    assert slug(answer) == "broker_unavailable"
    assert "cannot be stored" in answer.json()["detail"]
    assert int(answer.headers["retry-after"]) > 0


def records(service: LiveService) -> list[str]:
    return list(service.redis.scan_iter("ic:job:*"))


def sweep(service: LiveService, server: BucketServer) -> int:
    client = connect(service.api.redis_url, 2)
    try:
        return Sweeper(RecoveryIndex(client, "test"), open_uploads(server.url), spare_s=0).sweep()
    finally:
        client.close()


def test_an_unreachable_store_fails_at_once_and_is_used_again_later(
    service: LiveService, server: BucketServer
) -> None:
    client = service.api.client
    server.kill()
    began = time.monotonic()
    refuse(client.post("/predict", content=coloured(7)))
    refuse(client.post("/jobs", files=[("files", coloured(7))] * 3))
    assert time.monotonic() - began < REFUSED_WITHIN_S
    assert records(service) == []
    server.start()
    assert server.stored() == []
    assert client.post("/predict", content=coloured(7)).status_code == 200


def test_a_store_that_fails_during_a_batch_leaves_no_job_and_no_upload(
    service: LiveService, server: BucketServer
) -> None:
    def body() -> Iterator[bytes]:
        for _ in range(20):
            yield HEAD + coloured(7) + b"\r\n"
        service.until(lambda: len(server.stored()) >= 19)
        server.kill()
        for _ in range(20):
            yield HEAD + coloured(7) + b"\r\n"
        yield b"--x--\r\n"

    headers = {"content-type": "multipart/form-data; boundary=x"}
    refuse(service.api.client.post("/jobs", content=body(), headers=headers))
    assert records(service) == []
    server.start()
    assert sweep(service, server) >= 19
    assert server.stored() == []


def test_a_store_that_hangs_times_out_for_every_request(
    service: LiveService, server: BucketServer
) -> None:
    def predict(_: int) -> float:
        began = time.monotonic()
        photo = coloured(7)
        refused = httpx.post(f"{service.url}/predict", content=photo, trust_env=False, timeout=90)
        assert slug(refused) == "broker_unavailable"
        return time.monotonic() - began

    server.pause()
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            slowest = max(pool.map(predict, range(AT_ONCE)))
    finally:
        server.resume()
    assert slowest < REFUSED_WITHIN_S
    assert records(service) == []
    # it wakes with their requests still in its hands
    service.until(lambda: service.api.client.post("/predict", content=coloured(7)).is_success)
    sweep(service, server)
    assert server.stored() == []


def taken_while_the_store_is_away(service: LiveService, server: BucketServer, count: int) -> str:
    """Where a job is whose photos a worker holds and cannot read."""
    service.worker.terminate()
    files = [("files", (f"{green}.png", coloured(green))) for green in range(count)]
    job = service.api.client.post("/jobs", files=files).headers["location"]
    server.kill()
    service.worker = service.new_worker()
    service.until(lambda: "the upload store does not answer" in service.worker.log)
    return str(job)


def test_photos_wait_in_the_worker_until_the_store_is_back(
    service: LiveService, server: BucketServer
) -> None:
    job = taken_while_the_store_is_away(service, server, 40)
    time.sleep(3)
    counts = service.api.client.get(job).json()["counts"]
    assert (counts["failed"], counts["running"] > 0) == (0, True)
    server.start()
    service.until(lambda: service.api.client.get(job).json()["finished_at"])
    assert service.api.client.get(job).json()["counts"]["succeeded"] == 40
    service.until(lambda: server.stored() == [])


def test_a_worker_that_stops_meanwhile_leaves_its_photos_to_another(
    service: LiveService, server: BucketServer
) -> None:
    job = taken_while_the_store_is_away(service, server, 10)
    assert service.worker.terminate() == 0
    assert service.api.client.get(job).json()["counts"]["failed"] == 0
    server.start()
    service.worker = service.new_worker()
    service.until(lambda: service.api.client.get(job).json()["finished_at"])
    assert service.api.client.get(job).json()["counts"]["succeeded"] == 10
