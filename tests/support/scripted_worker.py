"""A real Celery worker with a scripted model: the colour of a photo decides what the model does.

``celery -A tests.support.scripted_worker worker -P threads`` is the worker of ``worker.main``
except for the model, so a test can send a photo that crashes, hangs or fails.
"""

import os
import signal
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import worker.lifecycle
import worker.monitoring.heartbeat
import worker.queue.transport
import worker.recovery.reconciler
import worker.recovery.redis_index
from tests.support.scripted_colors import FAILS, HANGS, KILLS, NO_NUMBER, POISONS
from worker.inference.runtime import OutOfMemory, Runtime
from worker.models.selection import ModelSpec
from worker.models.transforms import RECIPES

CLASSES = 256
# Duration of a call of the model, and the additional time for each photo in it.
SERVICE_TIME_S = float(os.environ.get("SCRIPTED_SERVICE_TIME_S", "0"))
IMAGE_TIME_S = float(os.environ.get("SCRIPTED_IMAGE_TIME_S", "0"))
# A fault of the process after 20 calls: each further call raises, runs out of memory or returns
# NaN, or ("maps") each further map raises.
FAULT = os.environ.get("SCRIPTED_FAULT", "")
SOUND_CALLS = int(os.environ.get("SCRIPTED_SOUND_CALLS", "20"))


class ScriptedRuntime:
    """A model for which red decides what happens, and green is the index of the first class."""

    name, device, precision = "scripted", "cpu", "fp32"
    concurrency, best_batch = 1, 8
    explains = bool(os.environ.get("SCRIPTED_EXPLAINS"))

    def __init__(self) -> None:
        self._calls = 0
        self._poisoned = False

    def predict(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Classify uint8 (n, h, w, 3); returns float32 (n, 256), nearly one-hot."""
        # not time.sleep, which a faked clock would disturb
        threading.Event().wait(SERVICE_TIME_S + IMAGE_TIME_S * len(batch))
        self._calls += 1
        fault = FAULT if self._calls > SOUND_CALLS else ""
        if fault == "raises" or self._poisoned:
            raise RuntimeError("CUDA error: unspecified launch failure")
        if fault == "memory":
            raise OutOfMemory("scripted lack of memory")
        red, green = (batch[:, 112, 112, channel].astype(int) for channel in (0, 1))
        if (red == KILLS).any():
            os.kill(os.getpid(), signal.SIGKILL)
        if (red == HANGS).any():
            threading.Event().wait()
        if (red == POISONS).any():
            self._poisoned = True
            raise RuntimeError("CUDA error: device-side assert triggered")
        if (red == FAILS).any():
            raise ValueError("scripted failure")
        rows = np.full((len(batch), CLASSES), 0.1 / CLASSES, np.float32)
        rows[np.arange(len(batch)), green] = 0.9
        rows[red == NO_NUMBER] = np.nan
        if fault == "nan":
            rows[:] = np.nan
        return rows

    def explain(self, photo: NDArray[np.uint8], classes: Sequence[int]) -> NDArray[np.float32]:
        """Fail for photos of one colour, so that one that succeeds was not asked for maps.

        With the fault "maps", succeed at first and fail later for every photo.
        """
        broken = self._calls > SOUND_CALLS
        if broken if FAULT == "maps" else (photo == photo[0, 0]).all():
            raise ValueError(f"scripted failure to explain {classes}")
        return np.zeros((len(classes), 7, 7), np.float32)

    def warm_up(self, sizes: Iterable[int]) -> None:
        """Do nothing."""


def _resolve(_: object) -> ModelSpec:
    return ModelSpec(
        name="scripted",
        weights="none",
        weights_path=Path(os.devnull),
        sha256=os.environ.get("SCRIPTED_SHA256", "0" * 64),
        recipe=RECIPES["IMAGENET1K_V1"],
        labels=tuple(f"class {index}" for index in range(CLASSES)),
        notice=None,
    )


def _load_runtime(*_: object) -> Runtime:
    until = os.environ.get("SCRIPTED_LOAD_UNTIL")
    if os.environ.get("SCRIPTED_LOAD_ERROR"):
        raise RuntimeError("out of luck")
    while until and not Path(until).exists():
        threading.Event().wait(0.05)
    return ScriptedRuntime()


class GoesDeaf(worker.queue.transport.TolerantChannel):
    """Stops receiving messages for good once a file exists, like a silent stall of kombu."""

    _deaf = False

    def _brpop_start(self, timeout: float | None = None) -> None:
        GoesDeaf._deaf |= Path(os.environ["SCRIPTED_DEAF_ONCE"]).exists()
        if not GoesDeaf._deaf:
            super()._brpop_start(timeout)


if os.environ.get("SCRIPTED_FAST"):
    # A fifth of the real times, or a third: the rules are the same, a test of two deaths takes
    # seconds, and a living worker that other tests hold up is not taken for dead.
    worker.recovery.reconciler.DEAD_MS = int(os.environ.get("SCRIPTED_DEAD_MS", "5000"))
    worker.recovery.reconciler.UNSENT_MS = 2_000
    worker.recovery.reconciler.TICK_S, worker.monitoring.heartbeat.PERIOD_S = 0.2, 0.4
    worker.recovery.redis_index.LOCK_MS = 1_200
    worker.lifecycle.STORE_PATIENCE_S = 1

if os.environ.get("SCRIPTED_DEAF_ONCE"):
    worker.queue.transport.TolerantTransport.Channel = GoesDeaf

worker.lifecycle.resolve = _resolve
worker.lifecycle.load_runtime = _load_runtime

from worker.main import app  # noqa: E402, F401 - after the model is replaced
