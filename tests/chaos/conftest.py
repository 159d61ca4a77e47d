"""What every scenario gets: a whole service, a seeded generator, and a line in the final table."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.chaos.cluster import Cluster, seed
from tests.chaos.count import count, judge
from tests.chaos.traffic import Traffic
from tests.support.told import COUNTS

Report = Callable[[Cluster, Traffic, float], None]


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(f"{seed()} {request.node.name}")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(tmp_path) as cluster:
        yield cluster.start()


@pytest.fixture
def tell(
    request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> Callable[[str], None]:
    """Keeps this scenario's line for the end of the run, whichever process it runs in."""

    def tell(line: str) -> None:
        name = request.node.name.removeprefix("test_").replace("_", " ")
        record_property(COUNTS, f"{name}: {line}")

    return tell


@pytest.fixture
def report(tell: Callable[[str], None]) -> Report:
    """Counts what is in the cluster, tells it, and judges."""

    def report(cluster: Cluster, traffic: Traffic, recovery_s: float) -> None:
        told = traffic.told
        total = count(cluster, told)
        restarts = sum(process.starts - 1 for process in cluster.processes())
        tell(
            f"accepted {total.accepted}, ended {total.ended}, lost {total.lost}, "
            f"doubled {total.doubled}, recovery {recovery_s:.1f} s "
            f"(restarts {restarts}, refused {told.refused}, cut {told.cut}, swept {total.swept})"
        )
        judge(total, told)

    return report
