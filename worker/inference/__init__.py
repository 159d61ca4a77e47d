"""What runs the model: one protocol, two engines, chosen here.

Depends on numpy, `worker.registry` and `worker.settings`; an engine is imported only when it is
chosen, so that a worker on OpenVINO need not load torch: hence the imports inside functions.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from worker.registry import ModelSpec
from worker.settings import WorkerSettings
from worker.weights import ModelUnavailable

# Where the kernel shows an NVIDIA GPU: the native driver, the same inside a container, WSL2.
_GPU_SIGNS = ("/dev/nvidia0", "/proc/driver/nvidia/version", "/dev/dxg")

# In bf16 only 92 % of 240 views keep their first class (ResNet-50: 99 %; scripts/agreement.py), so
# that these are rounded only when somebody asks for it.
_FRAGILE = {"efficientnet_lite0"}


class OutOfMemory(Exception):
    """The device has too little memory for this batch; a smaller one may fit."""


class Runtime(Protocol):
    """A model on a device, ready to answer; `predict` may be called from several threads."""

    name: str
    """`torch` or `openvino`."""
    device: str
    """`cpu`, `cuda:0`, …"""
    precision: str
    """What the layers are computed in: `fp32`, `bf16`, `fp16` or `int8`."""
    concurrency: int
    """How many calls of `predict` may usefully run at once."""
    best_batch: int
    """Photos in one call, unless `MAX_BATCH_SIZE` says otherwise."""

    def predict(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Classify photos.

        Args:
            batch: RGB as `worker.preprocessing.preprocess` returns it, shape (n, crop, crop, 3).

        Returns:
            Probabilities, shape (n, classes); each row sums to 1.

        Raises:
            OutOfMemory: The device has too little memory for n photos at once.
        """

    explains: bool
    """Whether `explain` can be called: the model ends in an average and one linear layer."""

    def explain(self, photo: NDArray[np.uint8], classes: Sequence[int]) -> NDArray[np.float32]:
        """Say where in a photo some classes were seen, by one more pass through the model.

        Args:
            photo: RGB, shape (crop, crop, 3).
            classes: Indices of the classes that are asked for.

        Returns:
            Class activation maps in fp32, shape (len(classes), h, w), 7 x 7 for 224 pixels; see
            `worker.inference.activation_maps`.

        Raises:
            OutOfMemory: The device has too little memory.
        """

    def warm_up(self, sizes: Iterable[int]) -> None:
        """Run each batch size once, so that no client waits for what a first call costs."""


def load_runtime(spec: ModelSpec, settings: WorkerSettings) -> Runtime:
    """Load a model onto the device and engine that the settings ask for.

    Raises:
        ModelUnavailable: The settings contradict each other or the machine, or the weights do not
            fit the model or its labels.
    """
    precision = settings.precision
    if precision == "auto" and spec.name in _FRAGILE:
        precision = "fp32"
    device = _device(settings)
    engine = settings.runtime
    if engine == "auto":
        engine = "openvino" if device == "cpu" else "torch"
    if engine == "torch":
        if precision == "int8":
            raise ModelUnavailable(
                "PRECISION=int8 runs on OpenVINO only: set DEVICE=cpu and RUNTIME=openvino"
            )
        from worker.inference.torch_runtime import TorchRuntime  # noqa: PLC0415 - only when chosen

        return TorchRuntime(spec, device, precision)
    if device != "cpu":
        raise ModelUnavailable(
            f"RUNTIME=openvino runs on the processor only, and DEVICE={settings.device}: "
            "set RUNTIME=torch or DEVICE=cpu"
        )
    from worker.inference.openvino_runtime import OpenVINORuntime  # noqa: PLC0415 - likewise

    cache = settings.model_cache.expanduser()
    return OpenVINORuntime(spec, cache, precision)


def _device(settings: WorkerSettings) -> str:
    """`cpu` or `cuda:N`. torch, which knows for sure, is asked only where a GPU may be."""
    wanted = settings.device
    if wanted == "cpu" or (wanted == "auto" and settings.runtime == "openvino"):
        return "cpu"
    if wanted == "auto" and not any(Path(sign).exists() for sign in _GPU_SIGNS):
        return "cpu"
    import torch  # noqa: PLC0415 - likewise

    if wanted == "auto":
        return "cuda:0" if torch.cuda.is_available() else "cpu"
    index = int(wanted.partition(":")[2] or 0)
    if index >= torch.cuda.device_count():
        raise ModelUnavailable(
            f"DEVICE={wanted}, but torch {torch.__version__} sees {torch.cuda.device_count()} CUDA "
            "devices: set DEVICE=auto, or install the NVIDIA driver and a CUDA build of torch"
        )
    return f"cuda:{index}"
