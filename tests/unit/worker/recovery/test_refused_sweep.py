"""A sweep of a store that refuses to delete: counted, and no reason to leave the rest."""

from collections.abc import Iterator

import pytest

from worker.recovery.upload_sweeper import REFUSALS, Sweeper


class Ended:
    """An index without unfinished items."""

    def live_attempt(self, job_id: str, index: int) -> int | None:
        assert (job_id, index >= 0) == ("job", True)


class Store:
    """Refuses to delete some keys."""

    def __init__(self, keys: list[str], refused: set[str]) -> None:
        self.keys, self._refused = keys, refused
        self.tried: list[str] = []

    def old_keys(self, age_s: float) -> Iterator[str]:
        assert age_s > 0
        yield from list(self.keys)

    def delete(self, key: str) -> None:
        self.tried.append(key)
        if key in self._refused:
            raise OSError("403 Forbidden (AccessDenied)")
        self.keys.remove(key)


KEYS = [f"job.{index}" for index in range(10)]


@pytest.mark.parametrize("refused", [{"job.0"}, {"job.3", "job.7"}])
def test_one_upload_that_cannot_be_deleted_keeps_no_other(refused: set[str]) -> None:
    store, failures = Store(list(KEYS), refused), []
    sweeper = Sweeper(Ended(), store, refused=lambda: failures.append(1))
    assert sweeper.sweep() == 10 - len(refused)
    assert set(store.keys) == refused
    assert len(failures) == len(refused)


def test_a_store_that_refuses_all_is_left_until_the_next_sweep() -> None:
    store, failures = Store(list(KEYS), set(KEYS)), []
    sweeper = Sweeper(Ended(), store, refused=lambda: failures.append(1))
    assert sweeper.sweep() == 0
    assert store.tried == KEYS[:REFUSALS]
    assert len(failures) == REFUSALS
