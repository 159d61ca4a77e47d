"""A running service, and the packages that Node lacks."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.live_service import LiveService

NODE_PACKAGES = ["undici@7.30.2", "@huggingface/inference@4.13.30"]


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    with LiveService(tmp_path_factory.mktemp("service")) as service:
        yield service


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """For the clients: no proxy, and where Node finds packages."""
    packages: Path = tmp_path_factory.mktemp("packages")
    install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(packages)]
    subprocess.run([*install, *NODE_PACKAGES], check=True, timeout=120)
    return {"NODE_PACKAGES": str(packages), "no_proxy": "127.0.0.1", "PYTHONIOENCODING": "utf-8"}
