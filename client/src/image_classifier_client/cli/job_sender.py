"""Sends batches as jobs, a few at a time, and yields their results in order."""

import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import Any

from image_classifier_client.cli.photos.accepted import AcceptedFormats
from image_classifier_client.cli.photos.batches import Batch
from image_classifier_client.cli.photos.reader import PhotoFile, read
from image_classifier_client.cli.results.rows import Row
from image_classifier_client.client import ImageClassifier
from image_classifier_client.errors import ClassifierError, ProblemError
from image_classifier_client.models import Job, JobItem
from image_classifier_client.photos import Photo

# While one job is uploaded, the others keep the workers busy.
MAX_JOBS = 3
# How long an interrupted run waits for what it cancels.
CANCEL_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class SubmittedJob:
    """A batch that the service has accepted; ``job_id`` is ``None`` if no file could be sent."""

    files: list[PhotoFile]
    job_id: str | None

    def rows(self, items: Iterator[JobItem]) -> list[Row]:
        """One row per file; ``items`` are those of the photos that were sent."""
        return [
            Row(file.path, problem=file.problem) if file.problem else Row.of(file.path, next(items))
            for file in self.files
        ]


class JobSender:
    """Sends batches and collects their rows.

    Args:
        client: The client.
        top_k: Classes per photo.
        on_progress: Called with the number of finished photos in the job that is waited for.
        cancel_timeout_s: How long ``cancel`` waits for each job.
        min_confidence: Leaves out classes with a lower confidence.
    """

    def __init__(
        self,
        client: ImageClassifier,
        top_k: int,
        on_progress: Callable[[int], None],
        cancel_timeout_s: float = CANCEL_TIMEOUT_S,
        *,
        min_confidence: float = 0.0,
    ) -> None:
        self._client = client
        self._options: dict[str, Any] = {"top_k": top_k, "min_confidence": min_confidence}
        self._on_progress = on_progress
        self._cancel_timeout_s = cancel_timeout_s
        self._submitted: deque[SubmittedJob] = deque()
        self._uploading: tuple[list[Photo], str] | None = None

    def rows(self, batches: Iterable[Batch]) -> Iterator[list[Row]]:
        """Yield the rows of one job after the other, in the order of the files.

        Raises:
            ClassifierError: The service is unreachable, busy for too long, or refuses the request.
        """
        for batch in batches:
            self._submit(batch)
            while len(self._submitted) >= MAX_JOBS:
                yield self._collect()
        while self._submitted:
            yield self._collect()

    def cancel(self, client: ImageClassifier) -> list[Row]:
        """Cancel all jobs that are not finished, and return the rows of finished photos.

        Args:
            client: A client with short timeouts: the user is waiting for the command to exit.
        """
        self._client = client
        # these are small requests: they come first, because the user may interrupt again
        cancelled = [job for job in self._submitted if self._cancel(job)]
        self._submitted.clear()
        self._cancel_upload()
        rows: list[Row] = []
        for job in cancelled:
            with suppress(ClassifierError):
                if job.job_id:
                    client.wait(job.job_id, timeout_s=self._cancel_timeout_s)
                rows += self._rows_of(job)
        return rows

    def _cancel(self, job: SubmittedJob) -> bool:
        """Whether the service has received the request; if not, it is sent no more requests."""
        with suppress(ClassifierError):
            if job.job_id:
                self._client.cancel(job.job_id)
            return True
        return False

    def _cancel_upload(self) -> None:
        """Cancel the job whose upload was interrupted, in case the service has accepted it.

        Only the same upload with the same key tells its id, and it may take long.
        """
        if self._uploading:
            thread = Thread(target=self._cancel_by_key, args=self._uploading, daemon=True)
            thread.start()
            thread.join(self._cancel_timeout_s)

    def _cancel_by_key(self, photos: list[Photo], key: str) -> None:
        # the client may be closed in the meantime, and then any error can be raised
        with suppress(Exception):
            job = self._client.submit(photos, idempotency_key=key, **self._options)
            self._client.cancel(job.job_id)

    def _submit(self, batch: Batch) -> None:
        photos = [file.photo for file in batch.files if file.photo]
        if not photos:
            self._submitted.append(SubmittedJob(batch.files, None))
            return
        key = uuid.uuid4().hex
        self._uploading = photos, key
        try:
            job = self._client.submit(photos, idempotency_key=key, **self._options)
        except ProblemError as error:
            self._uploading = None
            if error.status != 413:
                raise
            self._submit_halves(batch, error)
        else:
            files = [file.without_photo() for file in batch.files]
            self._submitted.append(SubmittedJob(files, job.job_id))
            self._uploading = None

    def _submit_halves(self, batch: Batch, error: ProblemError) -> None:
        if len(batch.files) == 1:
            self._submitted.append(SubmittedJob([batch.files[0].failed(error.problem)], None))
            return
        for half in batch.halves():
            self._submit(half)

    def _collect(self) -> list[Row]:
        job = self._submitted[0]  # it stays there, so that `cancel` finds it, until it is finished
        if job.job_id:
            self._client.wait(job.job_id, on_progress=self._report)
        rows = self._rows_of(job)
        self._submitted.popleft()
        return rows

    def _rows_of(self, job: SubmittedJob) -> list[Row]:
        items = self._client.results(job.job_id) if job.job_id else iter(())
        return job.rows(iter(items))

    def _report(self, job: Job) -> None:
        self._on_progress(job.counts.ended)


def one_by_one(
    client: ImageClassifier,
    paths: Iterable[str],
    top_k: int,
    min_confidence: float,
    timeout_s: float,
) -> Iterator[Row]:
    """Send each photo on its own and yield its row.

    Raises:
        ClassifierError: The service is unreachable, busy for too long, or refuses the request.
    """
    accepted = AcceptedFormats(client)
    for path in paths:
        file = read(path, accepted)
        if file.photo is None:
            yield Row(path, problem=file.problem)
            continue
        try:
            answer = client.predict(
                file.photo, top_k=top_k, min_confidence=min_confidence, timeout_s=timeout_s
            )
        except ProblemError as error:
            # only these are about the photo itself
            if error.problem.job_id is None and error.status not in {413, 415, 422}:
                raise
            yield Row(path, problem=error.problem)
        else:
            yield Row(
                path, answer.predictions, answer.model, answer.timing_ms, concept=answer.concept
            )
