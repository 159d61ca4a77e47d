"""Limits of the control groups that this process is in: processors and memory.

A container, `systemd`'s `CPUQuota` and LXC limit a process by a group. The groups around it may
have smaller limits, so the smallest on the way up counts.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

ROOT = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
# Version 1 writes the largest number of whole pages where there is no limit.
_NO_LIMIT = 1 << 60


def processors(root: Path = ROOT, membership: Path = MEMBERSHIP) -> int:
    """Processors that this process may use: those that it sees, or fewer by its quota.

    macOS does not say what a process sees, so there it is all of them.
    """
    seen = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(seen, cpu_quota(root, membership) or seen)


def cpu_quota(root: Path = ROOT, membership: Path = MEMBERSHIP) -> int | None:
    """Whole processors, at least one, that the smallest limit grants; ``None`` without a limit.

    A limit hides no processor: a process that starts a thread for each that it sees is stopped for
    the rest of every tenth of a second.

    Args:
        root: Where the kernel shows the control groups.
        membership: The file that names this process's groups.
    """
    granted = _smallest("cpu", _cpus, root, membership)
    return None if granted is None else max(1, int(granted))


def memory_limit(root: Path = ROOT, membership: Path = MEMBERSHIP) -> int | None:
    """Bytes of memory that the smallest limit grants; ``None`` without a limit.

    Args:
        root: Where the kernel shows the control groups.
        membership: The file that names this process's groups.
    """
    granted = _smallest("memory", _bytes, root, membership)
    return None if granted is None else int(granted)


def _smallest(
    controller: str, read: Callable[[Path], float | None], root: Path, membership: Path
) -> float | None:
    limits = []
    for folder in _groups(controller, root, membership):
        try:
            limit = read(folder)
        except (OSError, ValueError):  # not there, or the word for no limit
            continue
        if limit is not None:
            limits.append(limit)
    return min(limits, default=None)


def _groups(controller: str, root: Path, membership: Path) -> Iterator[Path]:
    """The folders of this process's groups and of those around them, in both versions."""
    yield from (root, root / controller)
    try:
        lines = membership.read_text().splitlines()
    except OSError:  # no Linux
        return
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if number == "0":
            base = root
        elif controller in controllers.split(","):
            base = root / controller
        else:
            continue
        # A container that does not see itself as the root has its own group there all the same.
        inner = PurePosixPath(path.lstrip("/"))
        if ".." not in inner.parts:
            yield from (base / group for group in (inner, *inner.parents))


def _cpus(group: Path) -> float | None:
    try:
        granted, period = (group / "cpu.max").read_text().split()
    except FileNotFoundError:
        granted, period = (
            (group / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period")
        )
    return int(granted) / int(period) if int(granted) > 0 else None


def _bytes(group: Path) -> float | None:
    try:
        granted = (group / "memory.max").read_text()
    except FileNotFoundError:
        granted = (group / "memory.limit_in_bytes").read_text()
    return int(granted) if int(granted) < _NO_LIMIT else None
