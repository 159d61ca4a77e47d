"""How many processors this process may use."""

import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def processors(folder: Path = CGROUP) -> int:
    """Processors that this process may use: those that it sees, or fewer by its quota.

    macOS does not say what a process sees, so there it is all of them.
    """
    seen = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(seen, quota(folder) or seen)


def quota(folder: Path = CGROUP) -> int | None:
    """Whole processors, at least one, that a container's limit grants; ``None`` without a limit.

    A limit hides no processor: who starts a thread for each that it sees is stopped for the rest
    of every tenth of a second.

    Args:
        folder: Where the kernel shows the process's own control group.
    """
    for read in (_second_version, _first_version):
        try:
            granted, period = read(folder)
        except (OSError, ValueError):  # not there, or the word for no limit
            continue
        if granted > 0:
            return max(1, granted // period)
    return None


def _second_version(folder: Path) -> tuple[int, int]:
    granted, period = (folder / "cpu.max").read_text().split()
    return int(granted), int(period)


def _first_version(folder: Path) -> tuple[int, int]:
    granted, period = (
        int((folder / "cpu" / f"cpu.cfs_{name}_us").read_text()) for name in ("quota", "period")
    )
    return granted, period
