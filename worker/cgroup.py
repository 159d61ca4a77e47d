"""Limits of processors and memory in the control groups of this process.

Containers, systemd's `CPUQuota` and LXC limit a process through a control group. An enclosing group
may have a smaller limit, so the smallest limit of all enclosing groups counts.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

ROOT = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
# Without a limit, version 1 reports the largest number of whole pages.
_NO_LIMIT = 1 << 60


def processors(root: Path = ROOT, membership: Path = MEMBERSHIP) -> int:
    """Number of processors that this process may use: its CPU affinity, or fewer by its quota.

    On macOS, which does not report the affinity, this is the number of all processors.
    """
    seen = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(seen, cpu_quota(root, membership) or seen)


def cpu_quota(root: Path = ROOT, membership: Path = MEMBERSHIP) -> int | None:
    """Number of processors that the smallest limit allows, at least 1; ``None`` without a limit.

    A process still sees all processors. If it starts one thread for each of them, the kernel stops
    it for the rest of every 0.1 s.

    Args:
        root: Where the kernel shows the control groups.
        membership: The file that names this process's groups.
    """
    granted = _smallest("cpu", _cpus, root, membership)
    return None if granted is None else max(1, int(granted))


def memory_limit(root: Path = ROOT, membership: Path = MEMBERSHIP) -> int | None:
    """Bytes of memory that the smallest limit allows; ``None`` without a limit.

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
        except (OSError, ValueError):  # no such file, or the word "max" for no limit
            continue
        if limit is not None:
            limits.append(limit)
    return min(limits, default=None)


def _groups(controller: str, root: Path, membership: Path) -> Iterator[Path]:
    """The folders of this process's control groups and the enclosing groups, in both versions."""
    yield from (root, root / controller)
    try:
        lines = membership.read_text().splitlines()
    except OSError:  # not Linux
        return
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if number == "0":
            base = root
        elif controller in controllers.split(","):
            base = root / controller
        else:
            continue
        # In a container the path may be the host's, while its own group is at the root.
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
