"""Retry-After is about when the queue will have been worked off."""

import time

from tests.integration.worker.conftest import Bench, photo
from tests.support.api_process import ApiProcess
from tests.support.redis_server import RedisServer

LIMIT, FULL_S = 120, 2
PER_S = {"SCRIPTED_SERVICE_TIME_S": "0.05", "MAX_BATCH_SIZE": "1"}  # 20 at most


def test_retry_after_is_right_within_a_factor_of_two(
    redis_server: RedisServer, bench: Bench
) -> None:
    with (
        ApiProcess(redis_server.url, bench.folder, MAX_QUEUED_ITEMS=str(LIMIT)) as api,
        bench.worker(**PER_S),
    ):

        def submit() -> int:
            """Seconds to come back in, 0 when it was taken."""
            later = {"prefer": "respond-async"}
            answer = api.client.post("/predict", content=photo(0, 1), headers=later)
            # 200: the worker had ended it before the api read its record for the answer
            assert answer.status_code in {200, 202, 503}
            return int(answer.headers["retry-after"]) if answer.status_code == 503 else 0

        end = time.monotonic() + FULL_S
        while (told := submit()) == 0 or time.monotonic() < end:
            time.sleep(0.05 if told else 0)
        began = time.monotonic()
        bench.until(lambda: not bench.client.zcard("ic:queued:interactive"))
        took = time.monotonic() - began
        assert took / 2 - 1 <= told <= took * 2 + 1
        assert submit() == 0
