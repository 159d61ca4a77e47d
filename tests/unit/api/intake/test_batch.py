"""A batch's photos are stored a chunk at a time, and none of them stays after an error."""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path
from unittest.mock import Mock

import pytest

from api.intake.batch import BatchIntake
from api.intake.body import MemoryBudget
from api.jobs.service import JobService
from api.settings import ApiSettings
from shared.errors import MalformedRequest
from shared.uploads import FileUploadStore, Piece
from tests.support.photos import jpeg
from tests.unit.api.intake.sending import request

PHOTO = jpeg()
FORM = "multipart/form-data; boundary=b"
END = b"--b--\r\n"


def part(number: int, name: str = "files", photo: bytes = PHOTO) -> bytes:
    head = f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="{number}.jpg"\r\n\r\n'
    return head.encode() + photo + str(number).encode() + b"\r\n"


async def take(store: FileUploadStore, chunks: list[bytes]) -> tuple[BatchIntake, list[list[str]]]:
    """Read the form, and list the keys of each call of the service."""
    calls: list[list[str]] = []

    class Counted(JobService):
        async def store(self, photos: Mapping[str, Iterable[Piece]]) -> None:
            calls.append([*photos])
            await super().store(photos)

    jobs = Counted(Mock(), store, Mock())
    settings = ApiSettings(redis_url="redis://127.0.0.1:1", uploads_url=store.folder.as_uri())
    intake = BatchIntake("job", jobs, settings, MemoryBudget())
    try:
        await intake.read(request(chunks, FORM))
    finally:
        while jobs._photos._beside:
            await asyncio.gather(*jobs._photos._beside)
        await jobs.close()
    return intake, calls


def test_the_photos_of_a_chunk_are_stored_together(tmp_path: Path) -> None:
    store = FileUploadStore(tmp_path)
    last = part(3)
    chunks = [part(0) + part(1) + part(2, photo=b"text") + last[:100], last[100:] + END]
    intake, calls = asyncio.run(take(store, chunks))
    assert calls == [["job.0", "job.1"], ["job.3"]]
    assert [item.filename for item in intake.items] == [f"{number}.jpg" for number in range(4)]
    assert [item.upload_key for item in intake.items] == ["job.0", "job.1", None, "job.3"]
    assert [store.get(f"job.{number}") for number in (0, 1, 3)] == [
        PHOTO + str(number).encode() for number in (0, 1, 3)
    ]


def test_after_an_error_no_photo_stays(tmp_path: Path) -> None:
    store = FileUploadStore(tmp_path)
    with pytest.raises(MalformedRequest, match="photos"):
        asyncio.run(take(store, [part(0) + part(1)[:50], part(1)[50:] + part(2, "photos") + END]))
    assert list(tmp_path.iterdir()) == []
