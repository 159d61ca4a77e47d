"""A wall clock that jumps in one process, by Debian's libfaketime."""

from pathlib import Path

# Debian's and Ubuntu's package `faketime`.
LIBRARY = "/usr/lib/*/faketime/libfaketimeMT.so.1"


class Clock:
    """The clock of a process that was started with ``env``.

    Args:
        folder: Where the file is that says how far it is off.
    """

    def __init__(self, folder: Path) -> None:
        libraries = sorted(Path("/").glob(LIBRARY.removeprefix("/")))
        assert libraries, f"no {LIBRARY}: install the package faketime"
        self._file = folder / "clock"
        self.jump(0)
        self.env = {
            "LD_PRELOAD": str(libraries[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            # A jump of the wall clock moves neither the monotonic clock nor the files' times.
            "DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def jump(self, to_s: int) -> None:
        """From now on so many seconds off."""
        part = self._file.with_suffix(".part")
        part.write_text(f"{to_s:+d}\n")
        part.rename(self._file)
