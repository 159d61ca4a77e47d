"""The gate with real threads; each step waits for an event, never for a time."""

import threading
from concurrent.futures import ThreadPoolExecutor

from worker.imaging.memory import MemoryBudget
from worker.processing.isolation import IsolationLock


def test_ordinary_items_are_inside_together() -> None:
    isolation, together = IsolationLock(), threading.Barrier(3)

    def enter() -> None:
        with isolation.enter(alone=False):
            together.wait(10)

    with ThreadPoolExecutor(3) as pool:
        for future in [pool.submit(enter) for _ in range(3)]:
            future.result(10)


def test_a_suspect_is_inside_with_nobody_else() -> None:
    isolation, lock = IsolationLock(), threading.Lock()
    inside: list[bool] = []
    seen: list[list[bool]] = []

    def enter(alone: bool) -> None:
        for _ in range(200):
            with isolation.enter(alone=alone):
                with lock:
                    inside.append(alone)
                    if any(inside):
                        seen.append(list(inside))
                with lock:
                    inside.remove(alone)

    with ThreadPoolExecutor(6) as pool:
        for future in [pool.submit(enter, n % 3 == 0) for n in range(6)]:
            future.result(30)
    assert len(seen) == 400
    assert all(people == [True] for people in seen)


def test_newcomers_wait_behind_a_waiting_suspect() -> None:
    isolation, order = IsolationLock(), []
    first_in, let_go = threading.Event(), threading.Event()

    def first() -> None:
        with isolation.enter(alone=False):
            first_in.set()
            assert let_go.wait(10)
            order.append("first")

    def later(name: str, alone: bool) -> None:
        with isolation.enter(alone=alone):
            order.append(name)

    with ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(first)]
        assert first_in.wait(10)
        futures.append(pool.submit(later, "suspect", True))
        while isolation.waiting_suspects == 0:
            pass
        futures.append(pool.submit(later, "newcomer", False))
        let_go.set()
        for future in futures:
            future.result(10)
    assert order == ["first", "suspect", "newcomer"]


def test_decodes_wait_for_memory_and_a_giant_runs_alone() -> None:
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
    assert budget._free == 100


def test_small_photos_do_not_keep_a_large_one_waiting() -> None:
    budget, order = MemoryBudget(100), []

    def decode(name: str, size: int) -> None:
        with budget.reserve(size):
            order.append(name)

    with ThreadPoolExecutor(2) as pool, budget.reserve(60):
        for waiting, (name, size) in enumerate([("large", 100), ("small", 10)], start=1):
            pool.submit(decode, name, size)
            while len(budget._waiting) < waiting and not order:
                pass
    assert order == ["large", "small"]
