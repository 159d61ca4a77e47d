"""Runs the model. This module chooses the engine and imports only the chosen engine."""

import sys
import time
from pathlib import Path

import numpy as np

from shared import log
from worker.cgroup import memory_limit, processors
from worker.inference.runtime import OutOfMemory, Runtime
from worker.models.photos_per_call import LEAST_MEMORY_BYTES, SEVERAL
from worker.models.selection import ModelSpec
from worker.models.weights import ModelUnavailable
from worker.settings import WorkerSettings

_log = log.get(__name__)

# `import openvino`, its converter and NNCF report their use to a web-analytics host, from a forked
# process, and write ~/intel. All three work without the package that sends the reports, and None
# makes Python refuse to import it. Only modules of this package import OpenVINO, and Python runs
# this file before them, also in the process that converts the model.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

# Files that exist if there is an NVIDIA GPU: native driver, driver in a container, WSL2.
_GPU_SIGNS = ("/dev/nvidia0", "/proc/driver/nvidia/version", "/dev/dxg")

# The warm-up runs all batch sizes up to this one.
EVERY_SIZE = 8
WARM_UP_S = 60.0


def load_runtime(spec: ModelSpec, settings: WorkerSettings) -> Runtime:
    """Load a model with the device and engine from the settings, and run it once.

    Raises:
        ModelUnavailable: The settings contradict each other or this machine, the weights do not
            match the model or its labels, or the model does not run.
    """
    device = _device(settings)
    if device != "cpu":
        try:
            return _loaded(spec, settings, device)
        except ModelUnavailable:
            raise
        except Exception as error:
            line = f"{_gpu_name(device)} cannot run the model ({_first_line(error)})"
            if settings.device != "auto":
                raise ModelUnavailable(
                    f"DEVICE={settings.device}: {line}; free its memory, install a torch built for "
                    "it, or set DEVICE=cpu"
                ) from error
            _log.warning(f"DEVICE=auto: {line}; using the processor")
    try:
        return _loaded(spec, settings, "cpu")
    except OutOfMemory as error:
        raise ModelUnavailable(
            "too little memory to run the model: it needs about 600 MB"
        ) from error


def warm_up(runtime: Runtime, max_batch_size: int, limit_s: float = WARM_UP_S) -> int:
    """Run common batch sizes once, so that no client waits for the slow first call of a size.

    All sizes up to 8 run, then powers of two until ``limit_s`` seconds have passed. All sizes up to
    256 would be 33,000 photos, which takes hours on a processor.

    Returns:
        The largest batch to use: ``max_batch_size``, or less if the device's memory is too small.

    Raises:
        OutOfMemory: The device's memory is too small even for one photo.
    """
    deadline = time.monotonic() + limit_s
    every = range(1, min(EVERY_SIZE, max_batch_size) + 1)
    larger = [EVERY_SIZE << n for n in range(1, 10) if EVERY_SIZE << n < max_batch_size]
    fits = 0
    for size in sorted({*every, *larger, max_batch_size}):
        if time.monotonic() > deadline:
            _log.warning(
                f"MAX_BATCH_SIZE={max_batch_size}: the warm-up ended after {limit_s:.0f} s with "
                f"batches of {fits} photos; a larger one takes longer the first time"
            )
            break
        try:
            runtime.warm_up([size])
        except OutOfMemory:
            if not fits:
                raise
            _log.warning(
                f"MAX_BATCH_SIZE={max_batch_size} does not fit into the device's memory: using "
                f"{fits}"
            )
            return fits
        fits = size
    return max_batch_size


def _loaded(spec: ModelSpec, settings: WorkerSettings, device: str) -> Runtime:
    engine = settings.runtime
    if engine == "auto":
        engine = "openvino" if device == "cpu" else "torch"
    runtime = (
        _torch(spec, device, settings.precision) if engine == "torch" else _openvino(spec, settings)
    )
    side = spec.recipe.crop
    photo = np.random.default_rng(0).integers(0, 256, (1, side, side, 3), np.uint8)
    if not np.isfinite(runtime.predict(photo)).all():
        raise ModelUnavailable(
            f"the model {spec.weights_path} returns NaN on {device} in {runtime.precision}: set "
            "PRECISION=fp32, or use another checkpoint if it is set"
        )
    return runtime


def _torch(spec: ModelSpec, device: str, precision: str) -> Runtime:
    if precision == "int8":
        raise ModelUnavailable(
            "PRECISION=int8 runs on OpenVINO only: set DEVICE=cpu and RUNTIME=openvino"
        )
    from worker.inference.torch_runtime import TorchRuntime  # noqa: PLC0415 - only when chosen

    return TorchRuntime(spec, device, precision)


def _openvino(spec: ModelSpec, settings: WorkerSettings) -> Runtime:
    from worker.inference.openvino_runtime import OpenVINORuntime  # noqa: PLC0415 - only when chosen

    cache, most = settings.model_cache.expanduser(), settings.max_batch_size or SEVERAL
    roomy = (memory_limit() or LEAST_MEMORY_BYTES) >= LEAST_MEMORY_BYTES or processors() == 1
    several = most >= SEVERAL and roomy
    return OpenVINORuntime(spec, cache, settings.precision, several=several)


def _device(settings: WorkerSettings) -> str:
    """`cpu` or `cuda:N`; torch is imported only if this machine may have a GPU."""
    wanted = settings.device
    if wanted == "cpu" or (wanted == "auto" and settings.runtime == "openvino"):
        return "cpu"
    if settings.runtime == "openvino":
        raise ModelUnavailable(
            f"RUNTIME=openvino runs on the processor only, and DEVICE={wanted}: set RUNTIME=torch "
            "or DEVICE=cpu"
        )
    signs = [sign for sign in _GPU_SIGNS if Path(sign).exists()]
    if wanted == "auto" and not signs:
        return "cpu"
    import torch  # noqa: PLC0415 - only where a GPU may be

    if wanted == "auto":
        if torch.cuda.is_available():
            return "cuda:0"
        _log.warning(
            f"DEVICE=auto: {signs[0]} is an NVIDIA GPU, but torch {torch.__version__} sees none: "
            "install its driver and a CUDA build of torch; using the processor"
        )
        return "cpu"
    index = int(wanted.partition(":")[2] or 0)
    if index >= torch.cuda.device_count():
        raise ModelUnavailable(
            f"DEVICE={wanted}, but torch {torch.__version__} sees {torch.cuda.device_count()} CUDA "
            "devices: set DEVICE=auto, or install the NVIDIA driver and a CUDA build of torch"
        )
    return f"cuda:{index}"


def _gpu_name(device: str) -> str:
    import torch  # noqa: PLC0415 - only where a GPU may be

    try:
        return f"the GPU {torch.cuda.get_device_name(device)} ({device})"
    except Exception:  # noqa: BLE001 - a faulty GPU may not even report its name
        return f"the GPU {device}"


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
