"""Photos through a bucket: api and worker share nothing but Redis and the object store."""

import time

import httpx

from shared.redis_client import connect
from shared.uploads import open_uploads
from tests.support.answers import slug
from tests.support.bucket_server import BucketServer
from tests.support.live_service import LiveService, coloured
from tests.support.photos import jpeg
from worker.recovery.redis_index import RecoveryIndex
from worker.recovery.upload_sweeper import Sweeper


def ended(service: LiveService, location: str) -> dict[str, int]:
    """The job's counts, once every item has ended."""
    service.until(lambda: service.api.client.get(location).json()["finished_at"])
    counts: dict[str, int] = service.api.client.get(location).json()["counts"]
    return counts


def test_photos_are_classified_and_the_bucket_is_empty(
    service: LiveService, server: BucketServer
) -> None:
    client = service.api.client
    one = client.post("/predict", content=coloured(7)).json()
    assert one["predictions"][0]["class_index"] == 7
    files = [("files", (f"{green}.png", coloured(green))) for green in range(100)]
    job = client.post("/jobs", files=[*files, ("files", ("large.jpg", jpeg()))])
    assert ended(service, job.headers["location"])["succeeded"] == 101
    items = client.get(f"{job.headers['location']}?limit=100").json()["items"]
    assert [item["predictions"][0]["class_index"] for item in items] == list(range(100))
    service.until(lambda: server.stored() == [])


def test_a_refused_batch_leaves_nothing_in_the_bucket(
    service: LiveService, server: BucketServer
) -> None:
    files = [("files", coloured(1))] * 30
    refused = service.api.client.post("/jobs", files=[*files, ("other", b"x")])
    assert slug(refused) == "malformed_request"
    assert server.stored() == []


def test_a_cancelled_job_leaves_nothing_in_the_bucket(
    service: LiveService, server: BucketServer
) -> None:
    service.worker.terminate()
    job = service.api.client.post("/jobs", files=[("files", coloured(1))] * 30)
    assert len(server.stored()) == 30
    cancelled = service.api.client.delete(job.headers["location"])
    assert cancelled.json()["counts"]["cancelled"] == 30
    assert server.stored() == []


def test_a_photo_that_is_gone_from_the_bucket_ends_as_upload_lost(
    service: LiveService, server: BucketServer
) -> None:
    service.worker.terminate()
    job = service.api.client.post("/jobs", files=[("files", coloured(1))])
    open_uploads(server.url).delete(*(key.rpartition("/")[2] for key in server.stored()))
    assert server.stored() == []
    service.worker = service.new_worker()
    assert ended(service, job.headers["location"])["failed"] == 1
    [item] = service.api.client.get(job.headers["location"]).json()["items"]
    assert item["error"]["type"].endswith("upload_lost")


def test_only_old_uploads_without_an_unfinished_item_are_deleted(
    service: LiveService, server: BucketServer
) -> None:
    uploads = open_uploads(server.url)
    service.worker.terminate()
    waits = service.api.client.post("/jobs", files=[("files", coloured(1))] * 2).json()["job_id"]
    uploads.put("unknown.0", b"photo")
    server.put_foreign("uploads/README")
    server.put_foreign("elsewhere/unknown.0")
    time.sleep(3)
    uploads.put("young.0", b"photo")
    client = connect(service.api.redis_url, 2)
    assert Sweeper(RecoveryIndex(client, "test"), uploads, spare_s=2).sweep() == 1
    client.close()
    assert server.stored() == sorted(
        ["elsewhere/unknown.0", "uploads/README", "uploads/young.0"]
        + [f"uploads/{waits}.{index}" for index in range(2)]
    )


def test_without_credentials_every_request_is_refused(
    service: LiveService, server: BucketServer
) -> None:
    service.api.__exit__(None, None, None)
    service.api.set(AWS_ACCESS_KEY_ID="unknown")
    with service.api as api:
        service.until(lambda: api.client.get("/health/ready").status_code == 200)
        for path, field in (("/predict", "file"), ("/jobs", "files")):
            refused: httpx.Response = api.client.post(path, files={field: coloured(1)})
            assert slug(refused) == "broker_unavailable"
            assert "cannot be stored" in refused.json()["detail"]
            assert int(refused.headers["retry-after"]) > 0
        assert "InvalidAccessKeyId" in api.log.read_text()
        assert server.env["AWS_SECRET_ACCESS_KEY"] not in api.log.read_text()
    assert list(service.redis.scan_iter("ic:job:*")) == []
    assert server.stored() == []
