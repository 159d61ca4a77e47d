"""A live service, and the two clients of the SDK."""

from collections.abc import Iterator

import pytest

from tests.integration.client.clients import KINDS, Client
from tests.support.live_service import LiveService


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    """With limits small enough that a test can go beyond them."""
    folder = tmp_path_factory.mktemp("service")
    with LiveService(folder, MAX_JOB_ITEMS="8", MAX_UPLOAD_BYTES="200000") as service:
        yield service


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> type[Client]:
    chosen: type[Client] = request.param
    return chosen
