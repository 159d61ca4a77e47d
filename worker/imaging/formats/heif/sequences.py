"""Counts the frames of an image sequence: tracks that an AVIF or HEIC has beside its picture."""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from shared.errors import InvalidImage
from worker.imaging.formats.heif.boxes import MAX_BOXES, each_box, too_many_boxes
from worker.imaging.refusals import MAX_FRAMES, too_many_frames

# The boxes on the way to the numbers of frames: in a file's tracks, and in fragments of them.
_CONTAINERS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf"})
_SOUND = b"soun"


@dataclass
class _Track:
    """What a track shows, such as ``pict`` or ``auxv`` (alpha), and its number of frames."""

    handler: bytes = b""
    frames: int = 0


def check_frames(data: bytes, name: str) -> None:
    """Refuse a file with too many frames, by what its header says; the frames are not read.

    Tracks with the same handler add up. An alpha channel is a track with a handler of its own.
    Damaged tracks count as far as they can be read: only the picture beside them is decoded.

    Args:
        data: A file that begins like an AVIF or HEIC.
        name: The format's name, for the error.

    Raises:
        InvalidImage: More than `MAX_FRAMES` frames, or more boxes than any encoder writes.
    """
    tracks = [_Track()]
    in_fragments = 0
    for kind, content in _boxes_of_tracks(memoryview(data)):
        if kind == b"trak":
            tracks.append(_Track())
        elif kind == b"hdlr":
            tracks[-1].handler = tracks[-1].handler or bytes(content[8:12])
        elif kind in {b"stsz", b"stz2"}:
            tracks[-1].frames += int.from_bytes(content[8:12], "big")
        elif kind == b"trun":
            in_fragments += int.from_bytes(content[4:8], "big")
    frames: Counter[bytes] = Counter()
    for track in tracks:
        frames[track.handler] += track.frames if track.handler != _SOUND else 0
    if in_fragments + max(frames.values()) > MAX_FRAMES:
        raise too_many_frames(name)


def _boxes_of_tracks(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """The boxes of a file and of its tracks, each ahead of those that it contains.

    Raises:
        InvalidImage: There are more than `MAX_BOXES`.
    """
    left = MAX_BOXES
    open_boxes = [_readable(data)]  # not a recursion: a file may have boxes in boxes without end
    while open_boxes:
        kind, content = next(open_boxes[-1], (b"", None))
        if content is None:
            open_boxes.pop()
            continue
        left -= 1
        if left < 0:
            raise too_many_boxes()
        yield kind, content
        if kind in _CONTAINERS:
            open_boxes.append(_readable(content))


def _readable(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Each box up to the first one that is damaged."""
    with suppress(InvalidImage):
        yield from each_box(data)
