"""Runs the model with torch: the reference on a processor, the fast engine on an NVIDIA GPU."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray

from worker.cgroup import cpu_quota, processors
from worker.inference.architectures import Classifier, build
from worker.inference.runtime import OutOfMemory, activation_maps
from worker.models.precision import FRAGILE
from worker.models.selection import ModelSpec
from worker.models.weights import ModelUnavailable

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


class TorchRuntime:
    """A model in eager torch.

    Args:
        spec: The model.
        device: `cpu` or an existing `cuda:N`.
        precision: `fp32`, `bf16`, `fp16`, or `auto`: fp32 on a processor or for a fragile model; on
            a GPU bf16 if supported, else fp16.
        build: Loads the network.

    Raises:
        ModelUnavailable: The weights do not match, or the device lacks the precision.
    """

    name = "torch"
    # On a GPU, kernels run one after the other; on a processor, one call uses every core.
    concurrency = 1
    best_batch = 8
    # Every supported architecture ends in an average and one linear layer.
    explains = True

    def __init__(
        self,
        spec: ModelSpec,
        device: str,
        precision: str,
        build: Callable[[ModelSpec], Classifier] = build,
    ) -> None:
        self.device = device
        self._device = torch.device(device)
        self._cuda = self._device.type == "cuda"
        self.precision = self._precision(precision, spec.name)
        if self._cuda:
            # Otherwise convolutions in fp32 would be rounded to TF32.
            torch.backends.cudnn.allow_tf32 = False
            torch.backends.cuda.matmul.allow_tf32 = False
            # The first call of each batch size tries every algorithm; the warm-up does these calls.
            torch.backends.cudnn.benchmark = True
        elif cpu_quota():  # torch ignores quotas
            torch.set_num_threads(processors())
        model = build(spec)
        with _memory_errors():
            if self.precision != "fp32":
                model.cast(_DTYPES[self.precision])
            self._model = model.to(self._device).to(memory_format=torch.channels_last)
        self._side = spec.recipe.crop

    def predict(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See `Runtime.predict`."""
        try:
            with _memory_errors(), torch.inference_mode():
                answer: NDArray[np.float32] = self._model(self._move(batch)).cpu().numpy()
        except OutOfMemory:
            if self._cuda:
                # Fragments of the failed call's memory could make even half the batch fail.
                torch.cuda.empty_cache()
            raise
        return answer

    def explain(self, photo: NDArray[np.uint8], classes: Sequence[int]) -> NDArray[np.float32]:
        """See `Runtime.explain`."""
        with _memory_errors(), torch.inference_mode():
            features = self._model.features(self._move(photo[None]))[0].float().cpu().numpy()
            rows = self._model.head[list(classes)].float().cpu().numpy()
        return activation_maps(features, rows)

    def warm_up(self, sizes: Iterable[int]) -> None:
        """See `Runtime.warm_up`."""
        for size in sizes:
            self.predict(np.zeros((size, self._side, self._side, 3), np.uint8))

    def _move(self, batch: NDArray[np.uint8]) -> torch.Tensor:
        if not self._cuda:
            return torch.from_numpy(batch if batch.flags.writeable else batch.copy())
        # From pinned memory, the copy runs in parallel to the kernels; torch caches such memory.
        pinned = torch.empty(batch.shape, dtype=torch.uint8, pin_memory=True)
        pinned.numpy()[...] = batch
        return pinned.to(self._device, non_blocking=True)

    def _precision(self, wanted: str, model: str) -> str:
        if wanted == "auto":
            if not self._cuda or model in FRAGILE:
                return "fp32"
            with torch.cuda.device(self._device):
                return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
        if wanted == "fp16" and not self._cuda:
            raise ModelUnavailable("PRECISION=fp16 needs a GPU: use auto, fp32 or bf16")
        return wanted


@contextmanager
def _memory_errors() -> Iterator[None]:
    """Raise OutOfMemory for a lack of memory."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise OutOfMemory(str(error)) from error
    except RuntimeError as error:
        # torch has no exception class for a lack of main memory
        if "can't allocate memory" in str(error) or "not enough memory" in str(error):
            raise OutOfMemory(str(error)) from error
        raise
