"""Running the model. This module chooses the runtime; an engine is imported only when chosen."""

import sys
from pathlib import Path

from worker.inference.runtime import Runtime
from worker.models.catalog import ModelSpec
from worker.models.weights import ModelUnavailable
from worker.settings import WorkerSettings

# `import openvino`, its converter and NNCF report their use to a web-analytics host, from a process
# that they fork, and write ~/intel. All three do without the package that sends, and None here is
# Python's way to say that a module cannot be imported. This package is imported before each of its
# modules, in the process that converts too, and only they import OpenVINO.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

# Where the kernel shows an NVIDIA GPU: the native driver, the same inside a container, WSL2.
_GPU_SIGNS = ("/dev/nvidia0", "/proc/driver/nvidia/version", "/dev/dxg")

# In bf16 only 92 % of 240 views keep their first class (ResNet-50: 99 %; scripts.checks.agreement),
# so these are rounded only on request.
_FRAGILE = {"efficientnet_lite0"}


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
