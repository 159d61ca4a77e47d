"""What was measured, and its medians over the rounds."""

import statistics
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.harness.generator import Loop
from benchmarks.harness.limit import Limit


@dataclass(frozen=True)
class Sample:
    """One closed loop on one server.

    Attributes:
        loop: What the clients saw.
        cpu_ms: Milliseconds of processor time for each request, by kind of process.
        memory_mb: In the middle of the loop, by kind of process.
        foreign_cores: Processors that neither the server nor the generator kept busy.
    """

    loop: Loop
    cpu_ms: dict[str, float]
    memory_mb: dict[str, float]
    foreign_cores: float


@dataclass
class Results:
    """All rounds of all servers; servers by name, loops by connections."""

    samples: dict[tuple[str, int], list[Sample]] = field(default_factory=lambda: defaultdict(list))
    limits: dict[str, list[Limit]] = field(default_factory=lambda: defaultdict(list))

    def median(self, name: str, connections: int, value: Callable[[Sample], float]) -> float:
        """The median of a value over the rounds."""
        return statistics.median(value(sample) for sample in self.samples[name, connections])

    def per_s(self, name: str, connections: int) -> float:
        """Requests a second."""
        return self.median(name, connections, lambda sample: sample.loop.per_s)

    def errors(self, name: str, connections: int) -> int:
        """Of all rounds."""
        return sum(sample.loop.errors for sample in self.samples[name, connections])

    def peak_mb(self, name: str, kind: str | None = None) -> float:
        """The most memory in any loop, of the whole server or of one kind of process."""
        return max(
            sample.memory_mb.get(kind, 0) if kind else sum(sample.memory_mb.values())
            for (server, _), samples in self.samples.items()
            if server == name
            for sample in samples
        )

    def names(self) -> list[str]:
        """The servers, in the order in which they were first measured."""
        return list(dict.fromkeys(name for name, _ in self.samples))

    def connections(self) -> list[int]:
        """The numbers of connections, ascending."""
        return sorted({connections for _, connections in self.samples})

    def limit_per_s(self, precision: str, spent_cores: float = 0) -> float:
        """Requests a second that engine and preprocessing would allow by themselves."""
        return statistics.median(limit.per_s(spent_cores) for limit in self.limits[precision])

    def limit_ms(self, precision: str, value: Callable[[Limit], float]) -> float:
        """The median of one of the limit's parts."""
        return statistics.median(value(limit) for limit in self.limits[precision])
