"""A real worker on a real Redis, and the api's two halves of submitting: record, then send."""

import asyncio
import io
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import redis
from PIL import Image

from api.redis_client import connect_async
from shared import redis_keys
from shared.messages import CHUNK_MAX, Chunk, ItemRef, ItemState
from shared.queue.message_template import MessageTemplate
from shared.queue.names import QueueName
from shared.records.items import ItemStore
from shared.records.jobs import JobRecord, JobStore
from shared.records.new_job import NewItem, NewJob
from shared.redis_client import connect
from shared.uploads import FileUploadStore, upload_key
from tests.support.redis_server import RedisServer
from tests.support.worker_process import WorkerProcess


def photo(red: int, green: int = 0) -> bytes:
    """A PNG whose colour tells the scripted model what to do."""
    out = io.BytesIO()
    Image.new("RGB", (32, 32), (red, green, 0)).save(out, "PNG")
    return out.getvalue()


class Bench:
    """Submits jobs as the api does, and reads them back."""

    def __init__(self, redis_url: str, folder: Path) -> None:
        self.redis_url = redis_url
        self.folder = folder
        self.uploads = FileUploadStore(folder / "uploads")
        self.client: redis.Redis = connect(redis_url, 2.0)
        self.messages = MessageTemplate()

    def env(self, **more: str) -> dict[str, str]:
        """The environment of a worker on this bench; times run five times as fast."""
        return {
            "REDIS_URL": self.redis_url,
            "UPLOADS_URL": (self.folder / "uploads").as_uri(),
            "SCRIPTED_FAST": "1",
            **more,
        }

    def worker(self, *, restart: bool = False, **env: str) -> WorkerProcess:
        """A scripted worker, ready for messages."""
        worker = WorkerProcess(self.env(**env), self.folder / "worker.log", restart=restart)
        try:
            worker.wait_ready(self.client)
        except BaseException:
            worker.__exit__(None, None, None)
            raise
        return worker

    def record(
        self, photos: list[bytes], queue: QueueName = QueueName.BATCH, *, explain: bool = False
    ) -> str:
        """Store the photos and write the job's record, without sending a message."""
        job_id = uuid.uuid4().hex
        items = []
        for index, data in enumerate(photos):
            self.uploads.put(upload_key(job_id, index), data)
            items.append(NewItem(f"{index}.png", upload_key(job_id, index), explain=explain))
        self._with_store(lambda store: store.create(NewJob(job_id, queue, 3, items)))
        return job_id

    def send(self, job_id: str, count: int, queue: QueueName = QueueName.BATCH) -> None:
        """One message for each of the first ``count`` items, as of a job that has no more."""
        messages = {
            range(index, index + 1): self.message(job_id, index, 1, queue) for index in range(count)
        }
        ItemStore(self.client, "sender").send(job_id, messages, last=True)

    def message(
        self, job_id: str, index: int, attempt: int, queue: QueueName = QueueName.BATCH
    ) -> str:
        """One delivery, as it stands in its queue."""
        return self.messages.draft(queue, ItemRef(job_id, index, attempt))

    def submit(
        self, photos: list[bytes], queue: QueueName = QueueName.BATCH, *, explain: bool = False
    ) -> str:
        """Record, then send."""
        job_id = self.record(photos, queue, explain=explain)
        self.send(job_id, len(photos), queue)
        return job_id

    def submit_in_chunks(self, photos: list[bytes], size: int = CHUNK_MAX) -> str:
        """Record, then send so many photos in each message."""
        job_id = self.record(photos)
        starts = range(0, len(photos), size)
        messages = {
            (chunk := Chunk(job_id, start, min(size, len(photos) - start))).indices:
                self.messages.draft(QueueName.BATCH, chunk)
            for start in starts
        }  # fmt: skip
        ItemStore(self.client, "sender").send(job_id, messages, last=True)
        return job_id

    def read(self, job_id: str) -> JobRecord:
        """The job with all its items."""
        return self._with_store(lambda store: store.read(job_id, 0, 10_000))

    def counts(self, job_id: str) -> Mapping[ItemState, int]:
        """How many of the job's items are in each state."""
        return self._with_store(lambda store: store.read(job_id, 0, 1)).counts

    def ended(self, job_id: str) -> bool:
        """Whether every item has; cheap enough to be asked again and again."""
        return bool(self.client.hexists(redis_keys.job(job_id), "finished_ms"))

    def cancel(self, job_id: str) -> list[int]:
        """What DELETE does to the record; returns the items that are cancelled."""
        _, cancelled = self._with_store(lambda store: store.cancel(job_id, 0, 100_000))
        return cancelled

    def wait(self, job_id: str, timeout_s: float = 120) -> JobRecord:
        """The job once every item has ended."""
        self.until(lambda: self.ended(job_id), timeout_s)
        return self.until(lambda: self.read(job_id))

    def until(self, call: Callable[[], object], timeout_s: float = 120):  # noqa: ANN201
        """The first truthy answer; Redis may be away meanwhile."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            try:
                if answer := call():
                    return answer
            except redis.exceptions.RedisError:
                pass
            time.sleep(0.05)
        raise AssertionError("it did not happen in time")

    def stored(self) -> list[str]:
        """The uploads that are there."""
        folder = self.folder / "uploads"
        return sorted(path.name for path in folder.glob("[!.]*"))

    def attempts(self, job_id: str) -> list[int]:
        """Each item's attempt, in order."""
        lines = self.client.hgetall(f"ic:job:{job_id}:states")
        return [int(lines[str(index)].split("|")[1]) for index in range(len(lines))]

    def _with_store(self, call):  # noqa: ANN001, ANN202
        async def run() -> object:
            client = connect_async(self.redis_url, 2.0, 2)
            try:
                return await call(JobStore(client, 3600, 100_000))
            finally:
                await client.aclose()

        return asyncio.run(run())


def ends(job: JobRecord) -> list[str]:
    """How each item ended: its class, or its problem's slug."""
    out = []
    for item in job.items:
        if item.status is ItemState.SUCCEEDED:
            assert item.result is not None
            assert item.result.predictions is not None
            out.append(str(item.result.predictions[0].class_index))
        elif item.result is not None and item.result.error is not None:
            out.append(item.result.error.type.rpartition("/")[2])
        else:
            out.append(item.status.value)
    return out


@pytest.fixture
def bench(redis_server: RedisServer, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(redis_server.url, tmp_path)
    bench.client.flushall()
    yield bench
    bench.client.close()
