"""How long photos wait for a thread of a store that hangs, and what is left of a failed call."""

import asyncio
import errno
import os
import threading
import weakref
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.jobs import photo_store
from api.jobs.photo_store import STORE_STEP, PhotoStore
from shared.errors import BrokerUnavailable
from shared.uploads import FileUploadStore, Piece


class HangingStore:
    """A store whose calls last until they are let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.stored: list[str] = []
        self.go = threading.Event()

    def put(self, key: str, *_: bytes | bytearray | memoryview) -> None:
        self.begun.set()
        assert self.go.wait(60)
        self.stored.append(key)

    def delete(self, *keys: str) -> None:
        raise AssertionError(f"deletes {keys}")


@pytest.fixture
def store() -> Iterator[HangingStore]:
    made = HangingStore()
    yield made
    made.go.set()


async def test_a_call_waits_for_a_thread_but_not_for_ever(
    store: HangingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_store, "STORE_THREADS", 1)
    photos = PhotoStore(store)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(photos.store({"first": [b"photo"]}))
        assert await asyncio.to_thread(store.begun.wait, 30)
        with monkeypatch.context() as hurried:
            hurried.setattr(photo_store, "STORE_TURN_S", 0.05)
            with pytest.raises(BrokerUnavailable, match="cannot be stored"):
                await photos.store({"second": [b"photo"]})
        assert not first.done(), "a call that has begun is not given up"
        store.go.set()
    await photos.store({"third": [b"photo"]})
    assert store.stored == ["first", "third"]
    await photos.close()


async def test_a_cancelled_request_gives_its_turn_up(
    store: HangingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_store, "STORE_THREADS", 1)
    photos = PhotoStore(store)
    async with asyncio.TaskGroup() as group:
        group.create_task(photos.store({"first": [b"photo"]}))
        second = group.create_task(photos.store({"second": [b"photo"]}))
        assert await asyncio.to_thread(store.begun.wait, 30)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        store.go.set()
    await photos.close()
    assert store.stored == ["first"]


class FullFolder(FileUploadStore):
    """A folder without space for a large photo."""

    def put(self, key: str, *pieces: Piece) -> None:
        if pieces == (b"large",):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().put(key, *pieces)


async def test_if_one_photo_cannot_be_stored_none_stays(tmp_path: Path) -> None:
    store = FullFolder(tmp_path)
    photos = PhotoStore(store)
    with pytest.raises(BrokerUnavailable, match="cannot be stored"):
        await photos.store({"a.0": [b"small"], "a.1": [b"large"], "a.2": [b"small"]})
    await asyncio.gather(*photos._beside)
    await photos.close()
    assert list(store.old_keys(-1)) == []


async def test_any_error_of_the_store_is_one_of_the_request(tmp_path: Path) -> None:
    class Broken(FileUploadStore):
        def put(self, key: str, *_: Piece) -> None:
            raise KeyError(key)

    photos = PhotoStore(Broken(tmp_path))
    with pytest.raises(KeyError):
        await photos.store({"a.0": [b"photo"]})
    await photos.close()


async def test_after_a_cancelled_call_no_photo_stays(store: HangingStore) -> None:
    """The thread stores no more than the photo that it is at, and what it stored is deleted."""
    deleted = asyncio.Event()
    loop = asyncio.get_running_loop()
    store.delete = lambda *_: loop.call_soon_threadsafe(deleted.set)  # type: ignore[method-assign]
    photos = PhotoStore(store)
    storing = asyncio.create_task(photos.store({f"a.{n}": [b"photo"] for n in range(5)}))
    assert await asyncio.to_thread(store.begun.wait, 30)
    storing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await storing
    store.go.set()
    async with asyncio.timeout(30):
        await deleted.wait()
    await photos.close()
    await asyncio.to_thread(photos._storing.shutdown)  # waits for the thread
    assert len(store.stored) == 1


async def test_a_photo_that_got_no_turn_is_not_kept_in_memory(
    store: HangingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_store, "STORE_THREADS", 1)
    monkeypatch.setattr(photo_store, "STORE_TURN_S", 0.05)
    photos = PhotoStore(store)
    first = asyncio.create_task(photos.store({"first": [b"photo"]}))
    assert await asyncio.to_thread(store.begun.wait, 30)
    block = array("b", b"photo")
    held = weakref.ref(block)
    with pytest.raises(BrokerUnavailable):
        await photos.store({"second": [memoryview(block)]})
    del block
    assert held() is None
    store.go.set()
    await first
    await photos.close()


async def test_others_get_a_turn_between_the_photos_of_a_large_call(
    store: HangingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_store, "STORE_THREADS", 1)
    photos = PhotoStore(store)
    many = {f"many.{n}": [b"photo"] for n in range(3 * STORE_STEP)}
    async with asyncio.TaskGroup() as group:
        group.create_task(photos.store(many))
        assert await asyncio.to_thread(store.begun.wait, 30)
        group.create_task(photos.store({"other": [b"photo"]}))
        await asyncio.sleep(0)  # the other call is in the line
        store.go.set()
    await photos.close()
    assert len(store.stored) == len(many) + 1
    assert store.stored.index("other") == STORE_STEP
