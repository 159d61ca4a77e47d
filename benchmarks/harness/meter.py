"""What a cluster uses between two moments: processor time, Redis commands, memory."""

import time
from dataclasses import dataclass
from typing import cast

import psutil

from tests.chaos.cluster import Cluster

COUNTERS = ("total_commands_processed", "used_memory", "aof_current_size")


@dataclass(frozen=True)
class Spent:
    """What was used between two moments: seconds of processor time by part, and photos ended.

    Memory and log are Redis's, in bytes: what is kept of the photos until their jobs expire, and
    what was written to the append-only file.
    """

    seconds: float
    photos: int
    commands: int
    memory: int
    log: int
    cpu_s: dict[str, float]

    @property
    def per_s(self) -> float:
        """Photos a second."""
        return self.photos / self.seconds

    def cores(self, part: str) -> float:
        """Cores that a part kept busy."""
        return self.cpu_s[part] / self.seconds

    def ms(self, part: str) -> float:
        """Its processor time for one photo, in ms."""
        return 1000 * self.cpu_s[part] / self.photos


class Meter:
    """Reads the counters of a cluster."""

    def __init__(self, cluster: Cluster) -> None:
        redis = cast("dict[str, int]", cluster.client.info("server"))["process_id"]
        self._client = cluster.client
        self._parts = {
            "Redis": [psutil.Process(redis)],
            "api": [psutil.Process(cluster.api.process.pid)],
            "workers": [psutil.Process(worker.process.pid) for worker in cluster.workers],
        }
        self.reset()

    def reset(self) -> None:
        """Count from now."""
        self._began = self._read()

    def spent(self) -> Spent:
        """What has been used since."""
        now, began = self._read(), self._began
        cpu = {part: used - began.cpu_s[part] for part, used in now.cpu_s.items()}
        return Spent(
            now.seconds - began.seconds,
            now.photos - began.photos,
            now.commands - began.commands,
            now.memory - began.memory,
            now.log - began.log,
            cpu,
        )

    def _read(self) -> Spent:
        ended = sum(map(int, self._client.hvals("ic:ended")))
        info = cast("dict[str, int]", self._client.info())
        commands, memory, log = map(info.__getitem__, COUNTERS)
        cpu = {part: sum(map(_cpu_s, processes)) for part, processes in self._parts.items()}
        return Spent(time.monotonic(), ended, commands, memory, log, cpu)


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
