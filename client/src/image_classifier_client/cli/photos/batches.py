"""Groups the files of a run into batches, limited in number and size."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from image_classifier_client.cli.photos.accepted import AcceptedFormats
from image_classifier_client.cli.photos.reader import JPEG_AND_PNG, PhotoFile, read

BATCH_PHOTOS = 100
# With its form around it, a body stays below the 32 MiB that the service reads before it refuses
# an upload; of a larger one the client might not get to see why.
BATCH_BYTES = 32 * 1024 * 1024 - 1024
# The most that a form adds to a photo, beside its name.
PART_BYTES = 256
# A quote in a name is sent as three characters.
NAME_FACTOR = 3


@dataclass
class Batch:
    """Files that are sent as one job. Their bytes are held in memory until they are sent."""

    files: list[PhotoFile] = field(default_factory=list)
    bytes: int = 0

    def add(self, file: PhotoFile) -> None:
        """Add a file."""
        self.files.append(file)
        self.bytes += upload_size(file)

    def halves(self) -> tuple["Batch", "Batch"]:
        """Split a batch that the service finds too large."""
        middle = len(self.files) // 2
        parts = (self.files[:middle], self.files[middle:])
        first, second = (Batch(part, sum(map(upload_size, part))) for part in parts)
        return first, second


def upload_size(file: PhotoFile) -> int:
    """Bytes that the file takes in an upload, rounded up; 0 if it is not sent."""
    if file.photo is None:
        return 0
    return len(file.photo.data) + NAME_FACTOR * len(file.photo.filename.encode()) + PART_BYTES


def batches(
    paths: Iterable[str],
    max_photos: int = BATCH_PHOTOS,
    max_bytes: int = BATCH_BYTES,
    accepted: AcceptedFormats = JPEG_AND_PNG,
) -> Iterator[Batch]:
    """Read files and yield them in batches; no more than one batch and one photo is held.

    Args:
        paths: The files.
        max_photos: The most files in a batch.
        max_bytes: The most bytes in a batch, except for a single larger photo.
        accepted: The formats that the service accepts.
    """
    batch = Batch()
    for path in paths:
        file = read(path, accepted)
        full = len(batch.files) >= max_photos or batch.bytes + upload_size(file) > max_bytes
        if batch.files and full:
            yield batch
            batch = Batch()
        batch.add(file)
    if batch.files:
        yield batch
