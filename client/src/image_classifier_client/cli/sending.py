"""Batches → jobs → rows: a few jobs at a time, in order, so that the workers never wait for us.

Depends on the SDK, batches and rows.
"""

import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread

from image_classifier_client.cli.batches import Batch
from image_classifier_client.cli.reading import Entry, read
from image_classifier_client.cli.rows import Row
from image_classifier_client.client import ImageClassifier
from image_classifier_client.errors import ClassifierError, ProblemError
from image_classifier_client.models import Job, JobItem
from image_classifier_client.photos import Photo

# While one job goes up, the others keep the workers busy.
JOBS_IN_FLIGHT = 3
# What runs when a job is cancelled ends within moments, or not soon enough to wait for; likewise
# the answer to what was going up.
ABANDON_WITHIN_S = 5


@dataclass(frozen=True)
class Sent:
    """A batch that the service has taken; ``job_id`` is ``None`` where nothing could be sent."""

    entries: list[Entry]
    job_id: str | None

    def rows(self, items: Iterator[JobItem]) -> list[Row]:
        """One row per file, from the items of the photos that were sent."""
        return [
            Row(entry.path, problem=entry.problem)
            if entry.problem
            else Row.of(entry.path, next(items))
            for entry in self.entries
        ]


class Sending:
    """Sends batches and gathers their rows.

    Args:
        client: The service.
        top_k: Classes per photo.
        on_progress: Told how many photos of unfinished jobs have ended by now.
    """

    def __init__(
        self, client: ImageClassifier, top_k: int, on_progress: Callable[[int], None]
    ) -> None:
        self._client = client
        self._top_k = top_k
        self._on_progress = on_progress
        self._in_flight: deque[Sent] = deque()
        self._going_up: tuple[list[Photo], str] | None = None

    def rows(self, batches: Iterable[Batch]) -> Iterator[list[Row]]:
        """The rows of one job after the other, in the order of the files.

        Raises:
            ClassifierError: The service is away, busy for too long, or refuses us.
        """
        for batch in batches:
            self._submit(batch)
            while len(self._in_flight) >= JOBS_IN_FLIGHT:
                yield self._gather()
        while self._in_flight:
            yield self._gather()

    def abandon(self, client: ImageClassifier) -> list[Row]:
        """Cancel what has not ended; the rows of what has.

        Args:
            client: One that does not try again for long: somebody waits to leave.
        """
        self._client = client
        # first what costs one small request each: whoever is in a hurry interrupts a second time
        cancelled = [sent for sent in self._in_flight if self._cancel(sent)]
        self._in_flight.clear()
        self._cancel_what_was_going_up()
        rows: list[Row] = []
        for sent in cancelled:
            with suppress(ClassifierError):
                if sent.job_id:
                    client.wait(sent.job_id, timeout_s=ABANDON_WITHIN_S)
                rows += self._rows_of(sent)
        return rows

    def _cancel(self, sent: Sent) -> bool:
        """Whether the service has heard of it; a service that did not is asked nothing more."""
        with suppress(ClassifierError):
            if sent.job_id:
                self._client.cancel(sent.job_id)
            return True
        return False

    def _cancel_what_was_going_up(self) -> None:
        """The service may have taken it although we never heard: its key tells which job it is.

        All of it goes up once more for that, which may take far longer than anybody waits.
        """
        if self._going_up:
            again = Thread(target=self._cancel_by_key, args=self._going_up, daemon=True)
            again.start()
            again.join(ABANDON_WITHIN_S)

    def _cancel_by_key(self, photos: list[Photo], key: str) -> None:
        # the client may be closed meanwhile, which raises whatever it does
        with suppress(Exception):
            job = self._client.submit(photos, top_k=self._top_k, idempotency_key=key)
            self._client.cancel(job.job_id)

    def _submit(self, batch: Batch) -> None:
        entries = batch.entries
        photos = [entry.photo for entry in entries if entry.photo]
        if not photos:
            self._in_flight.append(Sent(entries, None))
            return
        key = uuid.uuid4().hex
        self._going_up = photos, key
        try:
            job = self._client.submit(photos, top_k=self._top_k, idempotency_key=key)
        except ProblemError as error:
            self._going_up = None
            if error.status != 413:
                raise
            self._submit_smaller(batch, error)
        else:
            self._in_flight.append(Sent([entry.sent() for entry in entries], job.job_id))
            self._going_up = None

    def _submit_smaller(self, batch: Batch, error: ProblemError) -> None:
        if len(batch.entries) == 1:
            self._in_flight.append(Sent([batch.entries[0].failed(error.problem)], None))
            return
        for half in batch.halves():
            self._submit(half)

    def _gather(self) -> list[Row]:
        sent = self._in_flight[0]  # and stays there, to be abandoned, until its rows are read
        if sent.job_id:
            self._client.wait(sent.job_id, on_progress=self._progressed)
        rows = self._rows_of(sent)
        self._in_flight.popleft()
        return rows

    def _rows_of(self, sent: Sent) -> list[Row]:
        items = self._client.results(sent.job_id) if sent.job_id else iter(())
        return sent.rows(iter(items))

    def _progressed(self, job: Job) -> None:
        self._on_progress(job.counts.ended)


def one_by_one(client: ImageClassifier, paths: Iterable[str], top_k: int) -> Iterator[Row]:
    """Each photo's row, asked for while the next one waits.

    Raises:
        ClassifierError: The service is away, busy for too long, or refuses us.
    """
    for path in paths:
        entry = read(path)
        if entry.photo is None:
            yield Row(path, problem=entry.problem)
            continue
        try:
            answer = client.predict(entry.photo, top_k=top_k)
        except ProblemError as error:
            # how the photo ended, or what it is; anything else is no fault of the photo
            if error.problem.job_id is None and error.status not in {413, 415, 422}:
                raise
            yield Row(path, problem=error.problem)
        else:
            yield Row(path, answer.predictions, answer.model, answer.timing_ms)
