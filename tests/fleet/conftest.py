"""A whole fleet, and chaos's way of counting and telling."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.conftest import report, rng, tell  # noqa: F401 - the same fixtures
from tests.fleet.fleet import Fleet, make_network


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """One for all tests of a file, in their order: the last may leave hosts lost."""
    folder: Path = tmp_path_factory.mktemp("fleet")
    with (
        make_network() as network,
        Fleet(folder, network) as fleet,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in fleet.bucket.env.items():
            patch.setenv(name, value)
        yield fleet.start()
