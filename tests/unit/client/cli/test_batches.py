from pathlib import Path

import httpx2
import pytest

from image_classifier_client import Photo, api_requests
from image_classifier_client.cli.photos.batches import Batch, batches, upload_size
from image_classifier_client.cli.photos.reader import PhotoFile
from tests.support.live_service import coloured

# what the service reads of a body after it has refused it
READ_AFTER_REFUSAL = 32 * 1024 * 1024


def jpeg(path: Path, upload_bytes: int) -> str:
    """A file that takes so many bytes in an upload."""
    path.write_bytes(b"\xff\xd8\xff")
    [batch] = batches([str(path)])
    path.write_bytes(b"\xff\xd8\xff".ljust(3 + upload_bytes - batch.bytes))
    return str(path)


def test_batches_are_limited_in_number_and_in_bytes(tmp_path: Path) -> None:
    sizes = [400, 400, 400, 500, 3600, 400, 8000, 400]
    paths = [jpeg(tmp_path / f"{at}.jpg", size) for at, size in enumerate(sizes)]
    (tmp_path / "7.jpg").write_text("none")
    found = list(batches(paths, max_photos=3, max_bytes=4_000))
    assert [[upload_size(file) for file in batch.files] for batch in found] == [
        [400, 400, 400], [500], [3600, 400], [8000], [0]
    ]  # fmt: skip
    assert [file.path for batch in found for file in batch.files] == paths


def test_a_batch_too_large_is_halved_without_loss(tmp_path: Path) -> None:
    for at in range(5):
        (tmp_path / f"{at}.jpg").write_bytes(coloured(at))
    [batch] = batches(sorted(map(str, tmp_path.iterdir())))
    first, second = batch.halves()
    assert first.files + second.files == batch.files
    assert first.bytes + second.bytes == batch.bytes > 0


@pytest.mark.parametrize(
    "name", ["a.jpg", "x" * 251 + ".jpg", '"' * 251 + ".png", "写" * 80, "\\\n"]
)
@pytest.mark.parametrize("count", [2, 5, 100])
def test_the_upload_of_a_full_batch_is_read_after_a_refusal(
    tmp_path: Path, count: int, name: str
) -> None:
    size = (READ_AFTER_REFUSAL - 1024) // count  # without the form around them all would fit
    paths = []
    for at in range(count):
        (tmp_path / str(at)).mkdir()
        with (tmp_path / str(at) / name).open("wb") as file:
            file.write(b"\xff\xd8\xff")
            file.truncate(size)
        paths.append(str(tmp_path / str(at) / name))
    batch = next(batches(paths))
    assert len(batch.files) == count - 1
    photos = [file.photo for file in batch.files if file.photo]
    with httpx2.Client(base_url="http://service") as client:
        request = api_requests.submit(photos, 3, "key").build(client)
    length = int(request.headers["content-length"])
    assert size * (count - 1) < length < READ_AFTER_REFUSAL


def test_what_a_photo_takes_in_an_upload_is_not_underestimated() -> None:
    photos = [Photo(b"x" * at, f"{at}" + '"\\\r\n写' * at) for at in range(20)]
    batch = Batch()
    for photo in photos:
        batch.add(PhotoFile("path", photo))
    with httpx2.Client(base_url="http://service") as client:
        length = int(api_requests.submit(photos, 3, "key").build(client).headers["content-length"])
    assert length <= batch.bytes + 1024
