"""Reads and replaces the file of a sidecar."""

import os
import secrets
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# Photo managers write some hundred bytes to a megabyte.
MAX_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class SidecarFile:
    """A sidecar as it was read.

    Attributes:
        data: Its bytes; ``None`` if it does not exist.
        state: Its properties at that time.
    """

    path: Path
    data: bytes | None
    state: os.stat_result | None

    @classmethod
    def read(cls, path: Path) -> "SidecarFile":
        """Read the file.

        Raises:
            OSError: It cannot be read, or it is something other than a file of reasonable size.
        """
        try:
            state = path.lstat()
        except FileNotFoundError:
            return cls(path, None, None)
        # the target of a link may be outside the folder, and a named pipe would block
        if stat.S_ISLNK(state.st_mode):
            raise OSError("it is a symbolic link: replace it with a copy of its target")
        if not stat.S_ISREG(state.st_mode):
            raise OSError("it is not a file")
        if state.st_size > MAX_BYTES:
            raise OSError(f"it is larger than {MAX_BYTES // 1024**2} MiB")
        return cls(path, path.read_bytes(), state)

    def replace(self, data: bytes) -> None:
        """Replace the file, or create it; a reader sees the old bytes or the new ones.

        Raises:
            OSError: It cannot be written, or another program changed it; it is as it was.
        """
        new = self.path.with_name(f".classify-{secrets.token_hex(8)}.new")
        try:
            with new.open("xb") as file:
                if self.state:  # before there is anything that others must not read
                    _keep_owner_and_mode(new, self.state)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            self._check_unchanged()
            new.replace(self.path)
        except BaseException:
            new.unlink(missing_ok=True)
            raise

    def _check_unchanged(self) -> None:
        try:
            now = self.path.lstat()
        except FileNotFoundError:
            now = None
        if _version(now) != _version(self.state):
            raise OSError("another program changed it: run the command again")


def _version(state: os.stat_result | None) -> tuple[int, int, int] | None:
    return (state.st_ino, state.st_size, state.st_mtime_ns) if state else None


def _keep_owner_and_mode(path: Path, state: os.stat_result) -> None:
    if hasattr(os, "chown"):
        with suppress(OSError):  # only root may give files away
            os.chown(path, state.st_uid, state.st_gid)
    path.chmod(stat.S_IMODE(state.st_mode))
