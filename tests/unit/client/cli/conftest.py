"""A results file of each format."""

from pathlib import Path

import pytest

SUFFIXES = [".csv", ".ndjson", ".json"]


@pytest.fixture(params=SUFFIXES)
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / f"results{request.param}"
