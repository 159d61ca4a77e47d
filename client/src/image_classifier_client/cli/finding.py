"""Files and folders as they are named → the photos to classify. Depends on the standard library.

A file that is named is always answered for. In a folder, what is neither a photo nor named like
one is passed over: hidden files, notes, sidecars.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
IMAGE_SUFFIXES = frozenset(
    [
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".heic",
        ".heif",
        ".hif",
        ".avif",
        ".webp",
        ".gif",
        ".tif",
        ".tiff",
        ".bmp",
        ".jxl",
        ".jp2",
        ".dng",
        ".cr2",
        ".cr3",
        ".nef",
        ".arw",
        ".raf",
        ".orf",
        ".rw2",
        ".psd",
    ]
)


@dataclass
class Found:
    """The photos in order, each once, and how many other files were passed over."""

    paths: list[str] = field(default_factory=list)
    skipped: int = 0


def place(path: str) -> str:
    """One name for a file, however its path is spelled; a link is itself, not what it leads to."""
    return os.path.abspath(path)  # noqa: PTH100 - Path.resolve would follow the link


def find(names: Iterable[str], *, recursive: bool) -> Found:
    """All photos under these names; a folder's are sorted by name, its own before deeper ones."""
    found = Found()
    seen: set[str] = set()
    for path in _candidates(names, recursive, found):
        if place(path) not in seen:
            seen.add(place(path))
            found.paths.append(path)
    return found


def _candidates(names: Iterable[str], recursive: bool, found: Found) -> Iterator[str]:
    for name in names:
        if Path(name).is_dir():
            yield from _walk(name, recursive, found)
        else:
            yield name


def _walk(top: str, recursive: bool, found: Found) -> Iterator[str]:
    unreadable: list[str] = []
    # links to folders are not followed: they may lead round in circles
    for folder, folders, files in os.walk(top, onerror=lambda e: unreadable.append(e.filename)):
        folders[:] = sorted(name for name in folders if not name.startswith(".")) * recursive
        for name in sorted(files):
            path = os.path.join(folder, name)  # noqa: PTH118 - Path would drop a leading ./
            if _is_wanted(path):
                yield path
            else:
                found.skipped += 1
    yield from unreadable


def _is_wanted(path: str) -> bool:
    """Whether a photo, or something that its owner would take for one."""
    name = Path(path).name
    if name.startswith("."):
        return False
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - likewise
            return False  # a named pipe would wait for ever
        if Path(name).suffix.lower() in IMAGE_SUFFIXES:
            return True
        with open(path, "rb") as file:  # noqa: PTH123 - likewise
            return file.read(len(PNG)).startswith((JPEG, PNG))
    except OSError:
        return Path(name).suffix.lower() in IMAGE_SUFFIXES
