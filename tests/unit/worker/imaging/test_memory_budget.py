"""The budget of decoding with real threads; each step waits for an event, never for a time."""

import threading
from concurrent.futures import ThreadPoolExecutor

from worker.imaging.memory_budget import MemoryBudget


def test_decodes_wait_for_memory_and_a_huge_photo_runs_by_itself() -> None:
    budget, lock = MemoryBudget(100), threading.Lock()
    held, most = [0], [0]

    def decode(size: int) -> None:
        with budget.reserve(size):
            with lock:
                held[0] += min(size, 100)
                most[0] = max(most[0], held[0])
            with lock:
                held[0] -= min(size, 100)

    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(decode, size) for size in [30, 60, 1000, 50] * 50]:
            future.result(10)
        assert 0 < most[0] <= 100
        pool.submit(decode, 100).result(10)  # all of it is free again


def test_small_photos_do_not_keep_a_large_one_waiting() -> None:
    budget, order = MemoryBudget(100), []

    def decode(name: str, size: int) -> None:
        with budget.reserve(size):
            order.append(name)

    with ThreadPoolExecutor(2) as pool, budget.reserve(60):
        for waiting, (name, size) in enumerate([("large", 100), ("small", 10)], start=1):
            pool.submit(decode, name, size)
            while budget.waiting < waiting and not order:
                pass
    assert order == ["large", "small"]
