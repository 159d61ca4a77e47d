"""A rush right after the start, before a single photo has ended."""

import asyncio
from collections import Counter

import httpx

from api.admission.queue_limits import WAITING_LEAST
from tests.integration.worker.conftest import Bench, photo
from tests.support.api_process import ApiProcess
from tests.support.served import eventually

CLIENTS = 100


def test_a_rush_right_after_the_start_is_bounded_too(bench: Bench) -> None:
    async def rush() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=CLIENTS)
        async with httpx.AsyncClient(limits=limits, timeout=30, trust_env=False) as many:
            ask = [many.post(f"{api.url}/predict", content=photo(0, 1)) for _ in range(CLIENTS)]
            return await asyncio.gather(*ask)

    with (
        ApiProcess(bench.redis_url, bench.folder, PREDICT_QUEUE_S="1") as api,
        bench.worker(SCRIPTED_SERVICE_TIME_S="0.1", MAX_BATCH_SIZE="1"),
    ):
        eventually(lambda: api.client.get("/health/ready").status_code == 200, 15)
        answers = Counter(answer.status_code for answer in asyncio.run(rush()))
    assert answers[200] + answers[503] == CLIENTS
    # at ten a second, a second of work is less than may always wait; while they came some ended
    assert WAITING_LEAST <= answers[200] < CLIENTS // 2
