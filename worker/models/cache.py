"""Folders in `MODEL_CACHE`: written whole or not at all, with the reason when it fails."""

import errno
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Weights of ResNet-50, the graph made from them and its int8 form, in megabytes.
NEEDED_MB = 300
_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def written_whole(folder: Path, *, replace: bool = False) -> Iterator[Path]:
    """A folder to write into that takes its final name at the end: readers see all of it or none.

    Args:
        folder: The final name. Its parents are made if need be.
        replace: Whether the new folder takes the place of an older one; else the older one stays,
            and what was written is deleted.

    Raises:
        OSError: It cannot be written.
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
            return  # another process was faster, with the same content
        Path(scratch).mkdir()  # for TemporaryDirectory to remove


def why_not_written(folder: Path, error: OSError) -> str:
    """One line: what is wrong with a folder, and what to do."""
    if error.errno in _FULL:
        advice = f"free {NEEDED_MB} MB there, or set MODEL_CACHE to another folder"
    elif error.errno in _FORBIDDEN:
        advice = "make it writable, or set MODEL_CACHE to another folder"
    else:
        advice = f"set MODEL_CACHE to a writable folder with {NEEDED_MB} MB left"
    return f"MODEL_CACHE={folder} cannot be written ({error.strerror}): {advice}"


def write_error(folder: Path, size: int) -> OSError:
    """Why a file of that many bytes cannot be written, for a library that does not say.

    Args:
        folder: Where the library tried it.
        size: Bytes of the file.
    """
    block = bytes(1 << 20)
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            for start in range(0, size, len(block)):
                file.write(block[: size - start])
    except OSError as error:
        return error
    return OSError(errno.EIO, "the file could not be written")
