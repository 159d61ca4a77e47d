"""Ordinary clients: threads that send one photo after another and set no header."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.integration.worker.conftest import Bench, photo
from tests.support.api_process import ApiProcess
from tests.support.served import eventually

CALLS = 200


@pytest.mark.parametrize("threads", [32, 64])
def test_no_call_of_plain_threads_is_refused(api: ApiProcess, bench: Bench, threads: int) -> None:
    """The worker finishes 20 photos a second, as ResNet-50 in fp32 on two cores."""

    def call(_: int) -> int:
        return httpx.post(
            f"{api.url}/predict", content=photo(0, 1), timeout=60, trust_env=False, verify=False
        ).status_code

    with bench.worker(SCRIPTED_IMAGE_TIME_S="0.05", MAX_BATCH_SIZE="1"):
        eventually(lambda: api.client.get("/health/ready").status_code == 200, 15)
        with ThreadPoolExecutor(threads) as pool:
            answers = Counter(pool.map(call, range(CALLS)))
    assert answers == {200: CALLS}
