"""Runs the model with OpenVINO, the fastest engine on a processor.

The first start converts the torch module and keeps the result; later starts read the result and do
not import torch.
"""

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import TypeAlias

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import properties
from openvino.properties import hint

from worker.cgroup import cpu_quota, processors
from worker.inference.conversion import cache_key, converted, core
from worker.inference.openvino_maps import Mapper, head_of
from worker.inference.quantization import quantized
from worker.inference.runtime import OutOfMemory
from worker.models.photos_per_call import SEVERAL, photos_per_call
from worker.models.precision import FRAGILE, faster
from worker.models.selection import ModelSpec
from worker.models.weights import ModelUnavailable

# At most so many: each stream holds the activations of one call.
MAX_STREAMS = 8
# Of each kind; the fastest counts.
_MEASURED_CALLS = 4
_Requests: TypeAlias = "SimpleQueue[ov.InferRequest]"
_TYPES = {"fp32": ov.Type.f32, "bf16": ov.Type.bf16, "fp16": ov.Type.f16}


class OpenVINORuntime:
    """A model that is compiled for this processor, twice if it has several cores.

    A single call uses every core. Several calls at the same time each use a stream of one core;
    together they classify more photos per second.

    Args:
        spec: The model.
        cache: Folder for the converted model; if it is not writable, each start converts.
        precision: `fp32`, `bf16`, `fp16`, `int8`, or `auto`: bf16 if the processor has it natively
            and is clearly faster with it, else fp32. The first start measures this. Layers that
            int8 leaves unquantized are computed as with `auto`.
        trial: A graph of `worker.inference.quantization` that is not kept, for `int8`.
        several: Whether calls may have several photos; the first start measures whether that is
            faster. If not set, each call should have one.

    Raises:
        ModelUnavailable: The weights do not match, the processor lacks the precision, or the model
            is not calibrated for int8.
    """

    name = "openvino"
    device = "cpu"

    def __init__(
        self,
        spec: ModelSpec,
        cache: Path,
        precision: str,
        trial: ov.Model | None = None,
        *,
        several: bool = False,
    ) -> None:
        if precision == "fp16" and "FP16" not in _native():
            raise ModelUnavailable(
                "PRECISION=fp16 is not native to this processor: use auto or fp32"
            )
        rounded = (trial or quantized(spec, cache)) if precision == "int8" else None
        # Kept for `explain`, because the cache or the file of weights may change until then.
        # OpenVINO maps the weights from the graph's file: this costs no memory without `explain`.
        self._graph = converted(spec, cache)
        chosen = precision in {"auto", "int8"}
        floats = _automatic(spec, cache, self._graph) if chosen else precision
        self.precision = precision if rounded else floats
        self.explains = head_of(self._graph) is not None
        self._mapper: Mapper | None = None
        self._mapping = threading.Lock()
        self._side = spec.recipe.crop
        graph = rounded or self._graph
        self.best_batch, self.concurrency = 1, min(MAX_STREAMS, processors())
        if several:
            place = cache / "openvino" / f"{cache_key(spec)}-{self.precision}-calls"
            measure = partial(_core_ms, graph, self._side, [(floats, 1), (floats, SEVERAL)])
            with suppress(OutOfMemory):  # a call of several does not fit
                self.best_batch = photos_per_call(place, processors(), measure)
        compiled = partial(_compiled, graph, floats)
        # An inference request holds the memory of one call, so each call takes a free request.
        self._free = _requests(compiled(self.concurrency), self.concurrency)
        self._whole = _requests(compiled(1), 1) if self.concurrency > 1 else self._free
        self._calls = 0
        self._counting = threading.Lock()

    def predict(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See `Runtime.predict`; a call beyond `concurrency` waits for a running call."""
        with self._counting:
            requests = self._free if self._calls else self._whole
            self._calls += 1
        try:
            return self._infer(requests, batch)
        finally:
            with self._counting:
                self._calls -= 1

    @staticmethod
    def _infer(requests: _Requests, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        request = requests.get()
        try:
            with _memory_errors():
                request.infer({0: batch}, share_inputs=True)
                # A copy: the next call overwrites the request's memory.
                return np.array(request.get_output_tensor(0).data, np.float32)
        finally:
            requests.put(request)

    def explain(self, photo: NDArray[np.uint8], classes: Sequence[int]) -> NDArray[np.float32]:
        """See `Runtime.explain`; the first call compiles a graph, which takes a second."""
        with self._mapping, _memory_errors():
            if self._mapper is None:
                self._mapper = Mapper(_compiled, self._graph)
            return self._mapper.maps(photo, classes)

    def warm_up(self, sizes: Iterable[int]) -> None:
        """See `Runtime.warm_up`; runs every inference request."""
        for size in sizes:
            batch = np.zeros((size, self._side, self._side, 3), np.uint8)
            self._infer(self._whole, batch)
            for _ in range(self.concurrency):
                self._infer(self._free, batch)  # the queue hands the requests out in turn


def _compiled(
    graph: ov.Model, precision: str = "fp32", streams: int = 1, threads: int | None = None
) -> ov.CompiledModel:
    """Compile a graph for the given number of parallel calls, which share the threads.

    Args:
        graph: uint8 (n, crop, crop, 3) → probabilities (n, classes).
        precision: `fp32`, `bf16` or `fp16`.
        streams: The number of calls.
        threads: Not set: one for each core.
    """
    accurate, fast = hint.ExecutionMode.ACCURACY, hint.ExecutionMode.PERFORMANCE
    options = {
        hint.inference_precision: _TYPES[precision],
        hint.execution_mode: accurate if precision == "fp32" else fast,
        properties.streams.num: properties.streams.Num(streams),
        # Pinned threads use the first cores: two workers that are limited by a quota, not by a set
        # of cores, would use the same cores.
        hint.enable_cpu_pinning: False,
    }
    if cpu_quota():  # OpenVINO ignores quotas; without a quota its own choice is better
        threads = threads or processors()
    if threads:
        options[properties.inference_num_threads] = threads
    return core().compile_model(graph, "CPU", options)


def _requests(compiled: ov.CompiledModel, count: int) -> _Requests:
    requests: _Requests = SimpleQueue()
    for _ in range(count):
        requests.put(compiled.create_infer_request())
    return requests


def _native() -> list[str]:
    """What the processor computes in, such as `BF16`."""
    native: list[str] = core().get_property("CPU", properties.device.capabilities)
    return native


def _automatic(spec: ModelSpec, cache: Path, graph: ov.Model) -> str:
    """What `PRECISION=auto` takes on this processor, see `worker.models.precision`."""
    if spec.name in FRAGILE or "BF16" not in _native():
        return "fp32"
    measure = partial(_core_ms, graph, spec.recipe.crop, [("fp32", 1), ("bf16", 1)])
    return faster(cache / "openvino" / f"{cache_key(spec)}-auto", measure)


def _core_ms(graph: ov.Model, side: int, kinds: Sequence[tuple[str, int]]) -> list[float]:
    """How long one core computes a photo in each kind of call, in milliseconds.

    Other processes, such as workers that start at the same time, do not count: this is the time
    that the processor spends on this process.

    Args:
        graph: uint8 (n, side, side, 3) → probabilities (n, classes).
        side: The photos' width and height.
        kinds: Precision and number of photos of each kind of call.
    """
    compiled = {name: _compiled(graph, name, threads=1) for name, _ in kinds}
    photo = np.random.default_rng(0).integers(0, 256, (1, side, side, 3), np.uint8)
    calls = [(compiled[name].create_infer_request(), photo.repeat(n, 0)) for name, n in kinds]

    def call(request: ov.InferRequest, photos: NDArray[np.uint8]) -> float:
        began = time.process_time()
        request.infer({0: photos}, share_inputs=True)
        return 1000 * (time.process_time() - began) / len(photos)

    with _memory_errors():
        # By turns, because the clock of a processor changes.
        times = [[call(*each) for each in calls] for _ in range(_MEASURED_CALLS)]
    return list(map(min, zip(*times, strict=True)))


@contextmanager
def _memory_errors() -> Iterator[None]:
    """Raise OutOfMemory for a lack of memory, which OpenVINO reports only in its message."""
    try:
        yield
    except MemoryError as error:
        raise OutOfMemory(str(error)) from error
    except RuntimeError as error:
        if "bad_alloc" in str(error) or "allocate" in str(error):
            raise OutOfMemory(str(error)) from error
        raise
