"""The measurements of all rounds, and their medians."""

import statistics
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.harness.generator import Loop
from benchmarks.harness.limit import Limit

Case = tuple[str, int]
"""Kind of photos, and number of connections."""


@dataclass(frozen=True)
class Sample:
    """The measurements of one closed loop on one server.

    Attributes:
        loop: The results of the load generator.
        cpu_ms: Core-ms per request, by kind of process.
        memory_mb: Memory in MB in the middle of the loop, by kind of process.
        foreign_cores: Cores used by neither the server nor the load generator.
    """

    loop: Loop
    cpu_ms: dict[str, float]
    memory_mb: dict[str, float]
    foreign_cores: float


@dataclass
class Results:
    """All rounds: samples by server and case, limits by precision and kind of photos."""

    samples: dict[tuple[str, Case], list[Sample]] = field(default_factory=lambda: defaultdict(list))
    limits: dict[tuple[str, str], list[Limit]] = field(default_factory=lambda: defaultdict(list))

    def median(self, name: str, case: Case, value: Callable[[Sample], float]) -> float:
        """The median of a value over the rounds."""
        return statistics.median(value(sample) for sample in self.samples[name, case])

    def per_s(self, name: str, case: Case) -> float:
        """Requests per second of a server."""
        return self.median(name, case, lambda sample: sample.loop.per_s)

    def ratio(self, name: str, other: str, case: Case) -> float:
        """Requests per second of one server ÷ those of another."""
        per_s = self.per_s(other, case)
        return self.per_s(name, case) / per_s if per_s else float("inf")

    def errors(self, name: str, case: Case) -> int:
        """Number of errors in all rounds."""
        return sum(sample.loop.errors for sample in self.samples[name, case])

    def peak_mb(self, name: str, kind: str | None = None) -> float:
        """Highest memory in MB in any loop, of the whole server or of one kind of process."""
        return max(
            sample.memory_mb.get(kind, 0) if kind else sum(sample.memory_mb.values())
            for (server, _), samples in self.samples.items()
            if server == name
            for sample in samples
        )

    def names(self) -> list[str]:
        """The servers, in the order in which they were first measured."""
        return list(dict.fromkeys(name for name, _ in self.samples))

    def cases(self) -> list[Case]:
        """The cases, in the order in which they were first measured."""
        return list(dict.fromkeys(case for _, case in self.samples))

    def photos(self) -> dict[str, list[Case]]:
        """The cases of each kind of photos."""
        found: dict[str, list[Case]] = defaultdict(list)
        for case in self.cases():
            found[case[0]].append(case)
        return found

    def limit_per_s(self, precision: str, photos: str, spent_cores: float = 0) -> float:
        """The limit in requests per second: engine and preprocessing by themselves."""
        limits = self.limits[precision, photos]
        return statistics.median(limit.per_s(spent_cores) for limit in limits)

    def limit_ms(self, precision: str, photos: str, value: Callable[[Limit], float]) -> float:
        """The median of one value of the limit."""
        return statistics.median(value(limit) for limit in self.limits[precision, photos])
