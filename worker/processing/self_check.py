"""Decides whether the photo or the worker is at fault when a photo fails.

The check runs a known-good photo through the model. If that fails too, the process cannot classify
any photo: after a CUDA error every later call fails, and a device without free memory does not
recover.
"""

import numpy as np
from numpy.typing import NDArray

from worker.inference.micro_batcher import finite
from worker.inference.runtime import OutOfMemory, Runtime, WorkerFault


class SelfCheck:
    """A known-good photo for one runtime.

    Args:
        runtime: Runs the photo.
        side: Height and width of the photo in pixels.
    """

    def __init__(self, runtime: Runtime, side: int) -> None:
        self._runtime = runtime
        noise = np.random.default_rng(0).integers(0, 256, (1, side, side, 3))
        self._photo: NDArray[np.uint8] = noise.astype(np.uint8)

    def run(self, *, photo_suspect: bool = True, maps: bool = False) -> None:
        """Classify the known-good photo.

        Args:
            photo_suspect: Whether a photo ran before that may have caused the fault.
            maps: Whether to compute an activation map for it, too.

        Raises:
            WorkerFault: The model raises an exception, or returns numbers that are not finite.
        """
        try:
            finite(self._runtime.predict(self._photo))
            if maps:
                finite(self._runtime.explain(self._photo[0], [0]))
        except OutOfMemory as error:
            detail = f"a known-good photo does not fit the device's memory: {error}"
            raise WorkerFault("memory", detail, photo_suspect=photo_suspect) from error
        except Exception as error:
            detail = f"a known-good photo fails: {error}"
            raise WorkerFault("model", detail, photo_suspect=photo_suspect) from error
