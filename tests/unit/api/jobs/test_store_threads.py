"""How long photos wait for a thread of a store that hangs, and what is left of a failed call."""

import asyncio
import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest

from api.jobs import service
from api.jobs.service import JobService
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
    monkeypatch.setattr(service, "STORE_THREADS", 1)
    jobs = JobService(Mock(), store, Mock())
    async with asyncio.TaskGroup() as group:
        first = group.create_task(jobs.store({"first": [b"photo"]}))
        assert await asyncio.to_thread(store.begun.wait, 30)
        with monkeypatch.context() as hurried:
            hurried.setattr(service, "STORE_TURN_S", 0.05)
            with pytest.raises(BrokerUnavailable, match="cannot be stored"):
                await jobs.store({"second": [b"photo"]})
        assert not first.done(), "a call that has begun is not given up"
        store.go.set()
    await jobs.store({"third": [b"photo"]})
    assert store.stored == ["first", "third"]
    await jobs.close()


async def test_a_cancelled_request_gives_its_turn_up(
    store: HangingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "STORE_THREADS", 1)
    jobs = JobService(Mock(), store, Mock())
    async with asyncio.TaskGroup() as group:
        group.create_task(jobs.store({"first": [b"photo"]}))
        second = group.create_task(jobs.store({"second": [b"photo"]}))
        assert await asyncio.to_thread(store.begun.wait, 30)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        store.go.set()
    await jobs.close()
    assert store.stored == ["first"]


class FullFolder(FileUploadStore):
    """A folder without space for a large photo."""

    def put(self, key: str, *pieces: Piece) -> None:
        if pieces == (b"large",):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().put(key, *pieces)


async def test_if_one_photo_cannot_be_stored_none_stays(tmp_path: Path) -> None:
    store = FullFolder(tmp_path)
    jobs = JobService(Mock(), store, Mock())
    with pytest.raises(BrokerUnavailable, match="cannot be stored"):
        await jobs.store({"a.0": [b"small"], "a.1": [b"large"], "a.2": [b"small"]})
    await asyncio.gather(*jobs._beside)
    await jobs.close()
    assert list(store.old_keys(-1)) == []
