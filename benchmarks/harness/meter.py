"""Measures what a cluster uses during a period: CPU time, Redis commands, memory."""

import time
from dataclasses import dataclass
from typing import cast

import psutil

from tests.chaos.cluster import Cluster

COUNTERS = ("total_commands_processed", "used_memory", "aof_current_size")


@dataclass(frozen=True)
class Spent:
    """What a cluster used during a period.

    Attributes:
        seconds: Duration of the period.
        photos: Number of photos that ended.
        commands: Number of Redis commands.
        memory: Growth of Redis's memory in bytes; a record stays until its job expires.
        log: Growth of Redis's append-only file in bytes.
        cpu_s: Seconds of CPU time, by part.
    """

    seconds: float
    photos: int
    commands: int
    memory: int
    log: int
    cpu_s: dict[str, float]

    @property
    def per_s(self) -> float:
        """Photos per second."""
        return self.photos / self.seconds

    def cores(self, part: str) -> float:
        """Cores that a part used."""
        return self.cpu_s[part] / self.seconds

    def ms(self, part: str) -> float:
        """Core-ms per photo of a part."""
        return 1000 * self.cpu_s[part] / self.photos


class Meter:
    """Reads the counters of a cluster at the start and end of a period."""

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
        """Start a new period."""
        self._began = self._read()

    def spent(self) -> Spent:
        """What the cluster has used since the last `reset`."""
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
