"""Benchmarks of the runtime by itself: warm-up, photos/s by batch size, torch.compile."""

import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.gpu import inputs
from benchmarks.gpu.report import Row
from worker.inference import load_runtime, warm_up
from worker.inference.architectures import build
from worker.inference.runtime import Runtime
from worker.models.selection import ModelSpec

MEASURED_S = 2.0


def loaded(spec: ModelSpec, device: str) -> tuple[Runtime, list[Row]]:
    """Load the runtime and warm it up for batches of up to 32; returns it and its table row."""
    began = time.perf_counter()
    runtime = load_runtime(spec, inputs.settings(device))
    ready = time.perf_counter()
    most = warm_up(runtime, 32)
    took = time.perf_counter() - ready
    what = f"{spec.name}, {runtime.precision}: load; warm-up of batches up to {most}"
    return runtime, [Row(what, f"{ready - began:.1f} s; {took:.1f} s")]


def by_batch_size(spec: ModelSpec, device: str, sizes: Sequence[int]) -> list[Row]:
    """Measure `predict` with each batch size, copies to and from the device included."""
    runtime, rows = loaded(spec, device)
    for size in sizes:
        batch = inputs.pixels(size)
        per_s = _per_s(partial(runtime.predict, batch), size)
        what = f"{spec.name}, {runtime.precision}: batch of {size}"
        rows.append(Row(what, f"{per_s:.0f} photos/s"))
    return rows


def compiled(spec: ModelSpec, device: str, size: int) -> Row:
    """Compare the model in eager mode and with torch.compile, on a batch that is on the device."""
    model = build(spec).to(device).to(memory_format=torch.channels_last)
    batch = torch.from_numpy(inputs.pixels(size)).to(device)
    faster = torch.compile(model)

    def run(chosen: Callable[[torch.Tensor], torch.Tensor]) -> NDArray[np.float32]:
        with torch.inference_mode():
            answers: NDArray[np.float32] = chosen(batch).cpu().numpy()
        return answers

    began = time.perf_counter()
    furthest = float(np.abs(run(model) - run(faster)).max())
    took = time.perf_counter() - began
    eager, other = (_per_s(partial(run, chosen), size) for chosen in (model, faster))
    result = f"{eager:.0f}; {other:.0f} photos/s after {took:.0f} s, differs by {furthest:.5f}"
    return Row(f"{spec.name}, fp32, batch of {size}: eager; torch.compile", result, furthest < 1e-3)


def _per_s(call: Callable[[], object], photos: int) -> float:
    call()
    began, calls = time.perf_counter(), 0
    while (took := time.perf_counter() - began) < MEASURED_S:
        call()
        calls += 1
    return calls * photos / took
