"""Checks of the runtime on a device: agreement with the CPU, lack of memory, lasting faults."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.gpu import inputs
from benchmarks.gpu.report import Row
from shared.queue.names import QueueName
from worker.inference import load_runtime
from worker.inference.micro_batcher import MicroBatcher
from worker.inference.runtime import OutOfMemory
from worker.inference.torch_runtime import TorchRuntime
from worker.models.selection import ModelSpec
from worker.processing.self_check import SelfCheck

MOST_DIFFERENT = {"fp32": 1e-3, "bf16": 0.1}
MIB = 1 << 20


def apart(check: Callable[[], Row]) -> Row:
    """Run a check in a new process, so that its limits and faults affect no other check."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        return pool.submit(check).result()


def agreement(spec: ModelSpec, device: str, precision: str, photos: int) -> Row:
    """Compare the classes and confidences on the device with those of a CPU in fp32."""
    batch = inputs.pixels(photos)
    exact = load_runtime(spec, inputs.settings("cpu", "fp32")).predict(batch)
    ours = load_runtime(spec, inputs.settings(device, precision)).predict(batch)
    same = int((exact.argmax(1) == ours.argmax(1)).sum())
    furthest = float(np.abs(exact - ours).max())
    return Row(
        f"{spec.name}, {precision}: same first class as on a CPU",
        f"{same} of {photos}; confidences differ by at most {furthest:.5f}",
        furthest <= MOST_DIFFERENT[precision] and (precision != "fp32" or same == photos),
    )


def out_of_memory(weights: Path, device: str, room_mb: int, batch: int) -> Row:
    """Check that batches which do not fit are halved, and every photo is classified."""
    return apart(partial(_out_of_memory, weights, device, room_mb, batch))


class NotedRuntime(TorchRuntime):
    """A `TorchRuntime` that records the size of each successful batch."""

    sizes: list[int]

    def predict(self, batch: inputs.Pixels) -> NDArray[np.float32]:
        """As `Runtime.predict`."""
        answers = super().predict(batch)
        self.sizes.append(len(batch))
        return answers


def _out_of_memory(folder: Path, device: str, room_mb: int, batch: int) -> Row:
    runtime = NotedRuntime(inputs.random_resnet(folder), device, "fp32")
    runtime.sizes = []
    runtime.warm_up([1])
    _leave(device, room_mb)
    photos = inputs.pixels(4)
    try:
        runtime.predict(np.zeros((batch, 224, 224, 3), np.uint8))
        refused = False
    except OutOfMemory:
        refused = True
    runtime.sizes.clear()
    batcher = MicroBatcher(runtime, batch, SelfCheck(runtime, 224).run)
    futures = [batcher.submit(photos[n % 4], QueueName.BATCH) for n in range(batch)]
    batcher.start()
    answered = sum(bool(np.isfinite(future.result(300)).all()) for future in futures)
    batcher.stop()
    result = "does not fit" if refused else "fits"
    return Row(
        f"out of memory: {batch} photos at once with {room_mb} MB",
        f"{result}; {answered} classified, in batches of at most {max(runtime.sizes)}",
        refused and answered == batch,
    )


def _leave(device: str, room_mb: int) -> None:
    """Limit this process to what it has reserved plus ``room_mb`` of the GPU's memory."""
    total = torch.cuda.get_device_properties(device).total_memory
    used = torch.cuda.memory_reserved(device)
    torch.cuda.set_per_process_memory_fraction((used + room_mb * MIB) / total, device)


def lasting_fault(weights: Path, device: str) -> Row:
    """Check that calls after a device-side assertion fail, but not with `OutOfMemory`."""
    return apart(partial(_lasting_fault, weights, device))


def _lasting_fault(folder: Path, device: str) -> Row:
    runtime = load_runtime(inputs.random_resnet(folder), inputs.settings(device, "fp32"))
    with suppress(RuntimeError, IndexError):
        table = torch.zeros(4, device=device)
        table[torch.tensor([99], device=device)].sum().item()
    try:
        runtime.predict(inputs.pixels(1))
    except Exception as error:  # noqa: BLE001 - which one is the question
        line = (str(error).splitlines() or [""])[0]
        said, lasts = f"{type(error).__name__}: {line}", not isinstance(error, OutOfMemory)
    else:
        said, lasts = "answered", False
    # On a CPU an assertion is an ordinary exception, without effect on later calls.
    return Row(
        "the call after a device-side assertion", said, lasts if device != "cpu" else not lasts
    )
