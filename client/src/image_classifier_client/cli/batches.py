"""Paths → groups of files read, bounded in number and bytes. Depends on reading."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from image_classifier_client.cli.reading import Entry, read

BATCH_PHOTOS = 100
BATCH_BYTES = 32 * 1024 * 1024


@dataclass
class Batch:
    """Files that go up as one job; the bytes are held until they are sent."""

    entries: list[Entry] = field(default_factory=list)
    bytes: int = 0

    def has_room_for(self, entry: Entry) -> bool:
        """Whether the job stays within bounds; a first file always fits."""
        return not self.entries or (
            len(self.entries) < BATCH_PHOTOS and self.bytes + size(entry) <= BATCH_BYTES
        )

    def add(self, entry: Entry) -> None:
        """Take a file in."""
        self.entries.append(entry)
        self.bytes += size(entry)

    def halves(self) -> tuple["Batch", "Batch"]:
        """Two jobs in place of one that the service finds too large."""
        middle = len(self.entries) // 2
        parts = (self.entries[:middle], self.entries[middle:])
        first, second = (Batch(part, sum(map(size, part))) for part in parts)
        return first, second


def size(entry: Entry) -> int:
    """Bytes to send."""
    return len(entry.photo.data) if entry.photo else 0


def batches(paths: Iterable[str]) -> Iterator[Batch]:
    """Read file by file; no more than one batch and one photo is held."""
    batch = Batch()
    for path in paths:
        entry = read(path)
        if not batch.has_room_for(entry):
            yield batch
            batch = Batch()
        batch.add(entry)
    if batch.entries:
        yield batch
