"""The warm-up runs few of many batch sizes, ends in time, and finds what fits into memory."""

from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from worker.inference import warm_up
from worker.inference.runtime import OutOfMemory


class SmallRuntime:
    """Notes the sizes that it is warmed up with, and has memory for so many photos."""

    name, device, precision = "small", "cpu", "fp32"
    concurrency, best_batch, explains = 1, 8, False

    def __init__(self, room: int = 1_000) -> None:
        self.room = room
        self.sizes: list[int] = []

    def warm_up(self, sizes: Iterable[int]) -> None:
        for size in sizes:
            if size > self.room:
                raise OutOfMemory(f"{size} photos")
            self.sizes.append(size)

    def predict(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        raise NotImplementedError

    def explain(self, photo: NDArray[np.uint8], classes: Sequence[int]) -> NDArray[np.float32]:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("most", "sizes"),
    [
        (1, [1]),
        (3, [1, 2, 3]),
        (8, [1, 2, 3, 4, 5, 6, 7, 8]),
        (20, [1, 2, 3, 4, 5, 6, 7, 8, 16, 20]),
        (256, [1, 2, 3, 4, 5, 6, 7, 8, 16, 32, 64, 128, 256]),
    ],
)
def test_the_warm_up_runs_few_of_many_sizes(most: int, sizes: list[int]) -> None:
    runtime = SmallRuntime()
    assert warm_up(runtime, most) == most
    assert runtime.sizes == sizes


def test_a_warm_up_that_takes_too_long_ends_and_names_the_setting(
    capsys: pytest.CaptureFixture[str],
) -> None:
    runtime = SmallRuntime()
    assert warm_up(runtime, 256, limit_s=-1) == 256
    assert runtime.sizes == []
    assert "MAX_BATCH_SIZE=256: the warm-up ended" in capsys.readouterr().out


def test_a_batch_size_that_does_not_fit_is_lowered_to_one_that_does(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert warm_up(SmallRuntime(room=40), 256) == 32
    assert "MAX_BATCH_SIZE=256 does not fit" in capsys.readouterr().out
    with pytest.raises(OutOfMemory):
        warm_up(SmallRuntime(room=0), 256)
