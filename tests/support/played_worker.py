"""A worker without a model in the test's process, with real records and messages."""

import base64
import contextlib
import json
import threading
import time
import uuid
from collections.abc import Callable
from types import TracebackType
from typing import Self

from redis import Redis
from redis.exceptions import RedisError

from shared.messages import (
    Chunk,
    Concept,
    ItemRef,
    ItemResult,
    ModelInfo,
    Prediction,
    TimingMs,
    WorkerBeat,
    WorkerState,
)
from shared.queue.celery_app import TASK_CLASSIFY_CHUNK
from shared.records.items import ItemStore, StartedItem
from shared.redis_client import connect

MODEL = ModelInfo(name="played", weights="none", sha256="0" * 64, device="cpu", precision="fp32")
BOTH = ("interactive", "batch")
Answer = Callable[[StartedItem], ItemResult | None]


def succeed(item: StartedItem) -> ItemResult:
    """A result with ``top_k`` classes."""
    predictions = [
        Prediction(label=f"class {at}", class_index=at, confidence=1 / (at + 2))
        for at in range(item.top_k)
    ]
    timing = TimingMs(queued=item.queued_ms, decode=1, inference=2, total=3 + item.queued_ms)
    return ItemResult(predictions=predictions, model=MODEL, timing_ms=timing)


def name_all(item: StartedItem) -> ItemResult:
    """Like `succeed`, with the WordNet ids and concept of an ImageNet model."""
    result = succeed(item)
    named = [
        one.model_copy(update={"wnid": f"n{at:08}"})
        for at, one in enumerate(result.predictions or ())
    ]
    concept = Concept(label="domestic cat", wnid="n02121808", confidence=0.97)
    return result.model_copy(update={"predictions": named, "concept": concept})


def take(client: Redis, *queues: str, timeout_s: float = 0.1) -> ItemRef | None:
    """The item of the next message that Celery would deliver; None if there is no message."""
    refs = take_message(client, *queues, timeout_s=timeout_s)
    assert len(refs) <= 1, "a chunk"
    return refs[0] if refs else None


def take_message(client: Redis, *queues: str, timeout_s: float = 0.1) -> list[ItemRef]:
    """The items of the next message that Celery would deliver; empty if there is no message."""
    found = client.brpop(list(queues), timeout=timeout_s)
    if not found:
        return []
    message = json.loads(found[1])
    arguments = json.loads(base64.b64decode(message["body"]))[0]
    if message["headers"]["task"] == TASK_CLASSIFY_CHUNK:
        return Chunk(*arguments).refs
    return [ItemRef(*arguments[:3])]


class PlayedWorker:
    """Sends heartbeats and finishes each item with ``answer``; ``None`` leaves it running."""

    def __init__(
        self,
        redis_url: str,
        answer: Answer = succeed,
        queues: tuple[str, ...] = BOTH,
        **report: object,
    ) -> None:
        self.answer = answer
        self._queues = queues
        self._taking = threading.Lock()
        self.client = connect(redis_url, 2)
        self.items = ItemStore(self.client, uuid.uuid4().hex)
        own = {"name": "played", "status": WorkerState.IDLE, "sha256": MODEL.sha256, "turns": True}
        self.report = WorkerBeat.model_validate({**own, **report})
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._beat), threading.Thread(target=self._work)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self.forget()
        self.client.close()

    def listen_to(self, *queues: str) -> None:
        """Receive messages only from these queues from now on."""
        with self._taking:
            self._queues = queues

    def forget(self) -> None:
        """Delete this worker's heartbeats from Redis."""
        self.client.zrem("ic:beats", self.items.incarnation)
        self.client.hdel("ic:workers", self.items.incarnation)

    def _beat(self) -> None:
        while True:
            with contextlib.suppress(RedisError, OSError):
                self.items.beat(self.report)
            if self._stop.wait(0.2):
                return

    def _work(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(RedisError, OSError):
                self._step()
            time.sleep(0.001)  # or no other thread would ever get the lock

    def _step(self) -> None:
        with self._taking:
            refs = take_message(self.client, *self._queues)
        for started in self.items.start_all(refs, "played") if refs else []:
            if result := self.answer(started):
                self.items.finish(started.ref, result)
