"""Reads the form of a batch and stores its photos, those of one chunk at a time."""

from dataclasses import dataclass, field

from starlette.requests import Request

from api.intake import wrong_content
from api.intake.body import (
    MemoryBudget,
    MemoryLease,
    PeekedBody,
    base_name,
    body_chunks,
    check_part,
)
from api.intake.multipart import Part, boundary_of, check_form, read_parts
from api.intake.photo import clean_filename, too_large
from api.intake.pieces import HEAD_BYTES
from api.jobs.idempotency import Fingerprint
from api.jobs.service import JobService
from api.settings import ApiSettings
from shared.errors import MalformedRequest, ServiceError, UploadTooLarge
from shared.messages import Problem
from shared.records.new_job import NewItem
from shared.uploads import Piece, upload_key

BATCH_FIELD = "files"


@dataclass
class BatchIntake:
    """Reads the photos of one job; a file that is not a photo fails on its own.

    Args:
        job_id: The job that the photos belong to.
        jobs: Stores the photos that a chunk completes, several in a turn: to hand a photo of 40 KB
            to a thread takes longer than to write it.
        settings: The limits.
        budget: Limits the memory of all requests together.
        fingerprint: Updated with each photo; ``None`` without an idempotency key.
        explain: Whether to compute activation maps for each photo.
        min_confidence: Leaves out classes with a lower confidence.
    """

    job_id: str
    jobs: JobService
    settings: ApiSettings
    budget: MemoryBudget
    fingerprint: Fingerprint | None = None
    explain: bool = False
    min_confidence: float = 0.0
    items: list[NewItem] = field(default_factory=list)

    async def read(self, request: Request) -> list[NewItem]:
        """Every photo of the form, in order; after an error no photo stays stored.

        Raises:
            MalformedRequest: The body is not a form, or has a field other than ``files``.
            UnsupportedMediaType: The body is compressed.
            RequestTimeout: The body takes too long to arrive.
            UploadTooLarge: Too many photos, or too many bytes in total.
            BrokerUnavailable: The upload store does not accept the bytes.
            starlette.requests.ClientDisconnect: The client disconnected.
        """
        boundary = boundary_of(request.headers.get("content-type", ""))
        if boundary is None:
            raise MalformedRequest(
                "Send multipart/form-data with one part named 'files' per photo."
            )
        try:
            with self.budget.lease() as lease:
                await self._read(request, boundary, lease)
        except BaseException:
            await self.jobs.discard(item.upload_key for item in self.items if item.upload_key)
            raise
        return self.items

    async def _read(self, request: Request, boundary: bytes, lease: MemoryLease) -> None:
        most = self.settings.max_job_bytes
        chunks = PeekedBody(body_chunks(request, most, _job_too_large))
        check_form(await chunks.peek(HEAD_BYTES), request.headers)
        hashing = self.fingerprint is not None
        parts = read_parts(chunks, boundary, self.settings.max_upload_bytes, hashing=hashing)
        async for found in parts:
            photos: dict[str, list[Piece]] = {}
            for part in found:
                self._check(part)
                if part.complete:
                    self.items.append(self._take(part, photos))
            lease.set(sum(part.size for part in found))
            if photos:
                await self.jobs.store(photos)
                photos.clear()  # the next chunk may take long to arrive
                for part in found:
                    part.release()
                lease.set(sum(part.size for part in found))
        if not self.items:
            raise MalformedRequest(
                "The form has no field 'files'. Send each photo in a field named 'files'."
            )

    def _check(self, part: Part) -> None:
        if base_name(part.name) != BATCH_FIELD:
            raise wrong_content.wrong_field(clean_filename(part.name) or "", BATCH_FIELD, "/jobs")
        most = self.settings.max_photos
        if len(self.items) >= most:
            raise UploadTooLarge(f"A job may have at most {most} photos. Send several jobs.")

    def _take(self, part: Part, photos: dict[str, list[Piece]]) -> NewItem:
        """The part's item; its photo is added to ``photos``, under its upload key."""
        filename = clean_filename(part.filename)
        if self.fingerprint and part.sha256:
            self.fingerprint.add(filename, part.sha256.digest())
        try:
            if part.too_large:
                raise too_large(self.settings.max_upload_bytes)
            formats = self.settings.formats
            check_part(part, formats)
            if not formats.begin(part.data.head):
                raise wrong_content.wrong_content(part.data.head, formats)
        except ServiceError as error:
            return NewItem(filename, None, Problem.of(error))
        key = upload_key(self.job_id, len(self.items))
        photos[key] = part.data.blocks
        return NewItem(filename, key, None, self.explain, self.min_confidence)


def _job_too_large(limit: int) -> UploadTooLarge:
    return UploadTooLarge(f"A job may have at most {limit} bytes. Send several jobs.")
