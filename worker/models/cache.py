"""Writes folders in `MODEL_CACHE` completely or not at all, and explains errors."""

import errno
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Size of the weights of ResNet-50, its graph and its int8 graph, in megabytes.
NEEDED_MB = 300
_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def written_whole(folder: Path, *, replace: bool = False) -> Iterator[Path]:
    """A temporary folder that is renamed at the end, so that readers see all of it or nothing.

    Args:
        folder: The final name. Missing parent folders are created.
        replace: Whether the new folder replaces an older folder; otherwise the older folder is kept
            and the new one is deleted.

    Raises:
        OSError: The folder cannot be written.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-") as scratch:
        yield Path(scratch)
        Path(scratch).chmod(0o755)
        if replace:
            shutil.rmtree(folder, ignore_errors=True)
        try:
            Path(scratch).rename(folder)
        except OSError:
            if not folder.exists():
                raise
            return  # another process has written the same content
        Path(scratch).mkdir()  # for TemporaryDirectory to remove


def why_not_written(folder: Path, error: OSError) -> str:
    """One line that says why a folder cannot be written, and what to do."""
    if error.errno in _FULL:
        advice = f"free {NEEDED_MB} MB there, or set MODEL_CACHE to another folder"
    elif error.errno in _FORBIDDEN:
        advice = "make it writable, or set MODEL_CACHE to another folder"
    else:
        advice = f"set MODEL_CACHE to a writable folder with {NEEDED_MB} MB left"
    return f"MODEL_CACHE={folder} cannot be written ({error.strerror}): {advice}"


def write_error(folder: Path, size: int) -> OSError:
    """The reason why a file cannot be written, for a library that does not report it.

    Args:
        folder: The folder that the library tried to write to.
        size: Size of the file in bytes.
    """
    block = bytes(1 << 20)
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            for start in range(0, size, len(block)):
                file.write(block[: size - start])
    except OSError as error:
        return error
    return OSError(errno.EIO, "the file could not be written")
