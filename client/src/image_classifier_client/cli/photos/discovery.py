"""Finds the photos that the files and folders on the command line stand for.

Every file named on the command line gets a result or an error. In a folder, files that are
neither photos nor named like photos are skipped, and so are hidden files.
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
class Discovery:
    """The photos in order, each once, and how many other files were skipped."""

    paths: list[str] = field(default_factory=list)
    skipped: int = 0


def absolute(path: str) -> str:
    """The absolute path, the same for every spelling; a symbolic link is not resolved."""
    return os.path.abspath(path)  # noqa: PTH100 - Path.resolve would follow the link


def discover(names: Iterable[str], *, recursive: bool) -> Discovery:
    """Find all photos; those of a folder are sorted by name, before those of its subfolders."""
    found = Discovery()
    seen: set[str] = set()
    for path in _candidates(names, recursive, found):
        if absolute(path) not in seen:
            seen.add(absolute(path))
            found.paths.append(path)
    return found


def _candidates(names: Iterable[str], recursive: bool, found: Discovery) -> Iterator[str]:
    for name in names:
        if Path(name).is_dir():
            yield from _walk(name, recursive, found)
        else:
            yield name


def _walk(top: str, recursive: bool, found: Discovery) -> Iterator[str]:
    unreadable: list[str] = []
    # links to folders are not followed: they can form a circle
    for folder, folders, files in os.walk(top, onerror=lambda e: unreadable.append(e.filename)):
        folders[:] = sorted(name for name in folders if not name.startswith(".")) * recursive
        for name in sorted(files):
            path = os.path.join(folder, name)  # noqa: PTH118 - Path would drop a leading ./
            if _is_photo(path):
                yield path
            else:
                found.skipped += 1
    yield from unreadable


def _is_photo(path: str) -> bool:
    """Whether the file is a photo or named like one."""
    name = Path(path).name
    if name.startswith("."):
        return False
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - as above
            return False  # reading a named pipe would block
        if Path(name).suffix.lower() in IMAGE_SUFFIXES:
            return True
        with open(path, "rb") as file:  # noqa: PTH123 - as above
            return file.read(len(PNG)).startswith((JPEG, PNG))
    except OSError:
        return Path(name).suffix.lower() in IMAGE_SUFFIXES
