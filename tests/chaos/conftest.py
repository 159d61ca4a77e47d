"""What every scenario gets: a whole service, a seeded generator, and a line in the final table."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.chaos.cluster import Cluster, seed
from tests.chaos.count import count, judge
from tests.chaos.traffic import Traffic

Report = Callable[..., None]
_LINES = pytest.StashKey[list[str]]()


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(f"{seed()} {request.node.name}")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(tmp_path) as cluster:
        yield cluster.start()


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    """Counts what is in the cluster, keeps a line of it, and judges."""

    def report(cluster: Cluster, traffic: Traffic, recovery_s: float) -> None:
        told = traffic.told
        total = count(cluster, told)
        name = request.node.name.removeprefix("test_").replace("_", " ")
        restarts = sum(process.starts - 1 for process in cluster.processes())
        line = (
            f"{name}: accepted {total.accepted}, ended {total.ended}, lost {total.lost}, "
            f"doubled {total.doubled}, recovery {recovery_s:.1f} s "
            f"(restarts {restarts}, refused {told.refused}, cut {told.cut}, swept {total.swept})"
        )
        request.config.stash.setdefault(_LINES, []).append(line)
        print(line)  # noqa: T201 - for a person who runs one scenario with -s
        judge(total, told)

    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.section(f"chaos, SEED={seed()}")
    for line in terminalreporter.config.stash.get(_LINES, []):
        terminalreporter.write_line(line)
