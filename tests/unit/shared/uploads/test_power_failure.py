"""A disk that keeps what was synced and loses the rest, as in a power failure."""

import errno
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.uploads import open_uploads


class Disk:
    """Remembers what `os.fsync` was called for: the bytes of files and the names in folders."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._bytes: dict[int, bytes] = {}
        self._names: dict[int, dict[str, int]] = {}
        monkeypatch.setattr(os, "fsync", self._sync)

    def _sync(self, descriptor: int) -> None:
        status, path = os.fstat(descriptor), Path(f"/proc/self/fd/{descriptor}")
        if stat.S_ISDIR(status.st_mode):
            self._names[status.st_ino] = {
                entry.name: entry.stat().st_ino for entry in path.resolve().iterdir()
            }
        else:
            self._bytes[status.st_ino] = path.read_bytes()

    def lose_power(self, root: Path) -> None:
        """Leave below ``root``, which itself stays, what the disk has kept."""
        inode = root.stat().st_ino
        shutil.rmtree(root)
        self._restore(root, inode)

    def _restore(self, folder: Path, inode: int) -> None:
        folder.mkdir()
        for name, child in self._names.get(inode, {}).items():
            if child in self._bytes:
                (folder / name).write_bytes(self._bytes[child])
            else:
                self._restore(folder / name, child)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


@pytest.mark.parametrize("folder", ["uploads", "not/there/yet"])
def test_a_durable_store_loses_no_photo(disk: Disk, tmp_path: Path, folder: str) -> None:
    root = tmp_path / "disk"
    root.mkdir()
    store = open_uploads((root / folder).as_uri(), durable=True)
    store.put("a.0", b"first")
    store.put("a.1", b"second")
    disk.lose_power(root)
    assert [store.get("a.0"), store.get("a.1")] == [b"first", b"second"]


def test_an_ordinary_store_may_lose_them(disk: Disk, tmp_path: Path) -> None:
    """So that the test above can fail."""
    root = tmp_path / "disk"
    root.mkdir()
    store = open_uploads(root.as_uri())
    store.put("a.0", b"first")
    disk.lose_power(root)
    with pytest.raises(FileNotFoundError):
        store.get("a.0")


@pytest.mark.parametrize("refused", [stat.S_ISREG, stat.S_ISDIR], ids=["file", "folder"])
def test_a_photo_that_the_disk_does_not_keep_is_not_left(
    refused: Callable[[int], bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_uploads(tmp_path.as_uri(), durable=True)

    def sync(descriptor: int) -> None:
        if refused(os.fstat(descriptor).st_mode):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", sync)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        store.put("a.0", b"photo")
    assert list(tmp_path.iterdir()) == []
