"""Both upload stores keep one contract: a real folder, and a bucket of a real server."""

import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shared.uploads import UploadStore, open_uploads
from shared.uploads.bucket import BucketUploadStore
from tests.support.bucket_server import BUCKET, BucketServer

# One try of five seconds, and what surrounds it.
BOUNDED_S = 8


@pytest.fixture
def bucket(server: BucketServer) -> UploadStore:
    store = open_uploads(f"{server.url}/{uuid.uuid4().hex}")
    assert isinstance(store, BucketUploadStore)
    return store


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> UploadStore:
    if request.param == "bucket":
        return request.getfixturevalue("bucket")
    return open_uploads((tmp_path / "uploads").as_uri())


@pytest.mark.parametrize("data", [b"photo", bytearray(b"photo"), b"", bytes(6_000_000)])
def test_bytes_come_back_as_they_went_in(store: UploadStore, data: bytes) -> None:
    store.put("a.0", b"an earlier try")
    store.put("a.0", data)
    assert store.get("a.0") == data


def test_a_deleted_photo_is_gone_and_may_be_deleted_again(store: UploadStore) -> None:
    keys = [f"a.{index}" for index in range(30)]
    for key in keys:
        store.put(key, b"photo")
    store.delete(*keys[:20])
    store.delete(*keys[10:])
    store.delete("a.0")
    store.delete()
    for key in keys:
        with pytest.raises(FileNotFoundError):
            store.get(key)


def test_only_old_uploads_are_listed(store: UploadStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put("old.0", b"photo")
    time.sleep(3)
    store.put("young.0", b"photo")
    monkeypatch.setattr(time, "time", lambda: 4e9)  # this process's clock is not the store's
    assert list(store.old_keys(2)) == ["old.0"]
    assert list(store.old_keys(3600)) == []


def test_only_objects_directly_below_the_prefix_are_touched(
    server: BucketServer,
) -> None:
    prefix = uuid.uuid4().hex
    foreign = [f"{prefix}-other/a.0", f"{prefix}/deeper/a.0", f"{prefix}.0", "a.0"]
    for key in foreign:
        server.put_foreign(key)
    store = open_uploads(f"s3://{BUCKET}/{prefix}")
    store.put("mine.0", b"photo")
    assert list(store.old_keys(0)) == ["mine.0"]
    store.delete("mine.0", "a.0")
    assert sorted(key for key in server.stored() if prefix in key or key == "a.0") == sorted(
        foreign
    )


def all_fail(store: UploadStore) -> list[str]:
    """Every call raises what a broken disk would, never what a missing photo would, and soon."""
    calls = [
        lambda: store.put("a.0", b"photo"),
        lambda: store.get("a.0"),
        lambda: store.delete("a.0"),
        lambda: store.delete("a.0", "a.1"),
        lambda: list(store.old_keys(0)),
    ]

    def failure(call: Callable[[], object]) -> str:
        began = time.monotonic()
        with pytest.raises(OSError, match=r".+") as raised:
            call()
        assert not isinstance(raised.value, FileNotFoundError)
        assert time.monotonic() - began < BOUNDED_S
        assert "\n" not in str(raised.value)
        return str(raised.value)

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(failure, calls))


def test_an_unreachable_store_is_not_a_missing_photo(
    bucket: UploadStore, server: BucketServer
) -> None:
    server.kill()
    all_fail(bucket)
    server.start()
    bucket.put("a.0", b"photo")


def test_a_store_that_hangs_times_out(bucket: UploadStore, server: BucketServer) -> None:
    server.pause()
    try:
        all_fail(bucket)
    finally:
        server.resume()


def test_a_refusal_of_the_store_is_reported_without_credentials(
    server: BucketServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a wrong one")
    said = all_fail(open_uploads(server.url))
    assert "403 Forbidden (SignatureDoesNotMatch)" in said[0]
    assert server.env["AWS_ACCESS_KEY_ID"] not in "".join(said)


@pytest.mark.usefixtures("server")
def test_a_missing_bucket_is_not_a_missing_photo() -> None:
    store = open_uploads("s3://no-such-bucket/uploads")
    with pytest.raises(OSError, match="NoSuchBucket") as raised:
        store.get("a.0")
    assert not isinstance(raised.value, FileNotFoundError)
