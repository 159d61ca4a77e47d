"""The limit: the cost of engine and preprocessing without a service around them.

``python -m benchmarks.harness.limit LIST …`` prints one line of JSON: a limit for each list of
photos. The engine is measured once, since its time does not depend on the photo. The settings are
the worker's.
"""

import argparse
import json
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from multiprocessing import get_context
from pathlib import Path

import numpy as np

import worker.inference  # noqa: F401 - before OpenVINO, whose reports to its makers it turns off

# isort: split
import openvino as ov
from numpy.typing import NDArray
from openvino import properties
from openvino.properties import hint

from worker.cgroup import processors
from worker.imaging.preprocess import preprocess
from worker.inference.conversion import converted, core
from worker.inference.openvino_runtime import OpenVINORuntime
from worker.inference.quantization import quantized
from worker.models.selection import ModelSpec, resolve
from worker.settings import WorkerSettings

BATCHES = (1, 2, 4, 8)
LONE = 40  # photos, one after another


@dataclass(frozen=True)
class Setting:
    """Streams and batch size of the engine.

    Attributes:
        streams: Calls at the same time, each on its share of the cores.
        batch: Photos per call.
    """

    streams: int
    batch: int


@dataclass(frozen=True)
class Limit:
    """The cost of one photo while all cores are busy.

    Attributes:
        setting: The fastest setting of the engine.
        precision: The engine's precision.
        cores: Number of cores.
        engine_core_ms: Core-ms per photo of the engine.
        preprocessing_core_ms: Core-ms per photo from its bytes to pixels.
        lone_engine_ms: Median of the engine with one photo at a time, one stream on all cores.
        lone_preprocessing_ms: Median of the preprocessing with one photo at a time.
    """

    setting: Setting
    precision: str
    cores: int
    engine_core_ms: float
    preprocessing_core_ms: float
    lone_engine_ms: float
    lone_preprocessing_ms: float

    @property
    def engine_per_s(self) -> float:
        """Photos per second of the engine by itself."""
        return self.cores * 1000 / self.engine_core_ms

    def per_s(self, spent_cores: float = 0) -> float:
        """The limit in photos per second, if ``spent_cores`` are used for something else."""
        each = self.engine_core_ms + self.preprocessing_core_ms
        return (self.cores - spent_cores) * 1000 / each


class Engine:
    """The model as the service compiles it, with any number of streams.

    Args:
        spec: The model.
        settings: Precision and cache of the model.
    """

    def __init__(self, spec: ModelSpec, settings: WorkerSettings) -> None:
        cache = settings.model_cache.expanduser()
        self.precision = OpenVINORuntime(spec, cache, settings.precision).precision
        # what int8 leaves in floating point is computed as with auto
        self._floats = self.precision
        if self.precision == "int8":
            self._floats = OpenVINORuntime(spec, cache, "auto").precision
        read = quantized if self.precision == "int8" else converted
        self._graph = read(spec, cache)

    def compile(
        self, streams: int, *, pinned: bool | None = None, threads: int | None = None
    ) -> ov.CompiledModel:
        """Compile the model for uint8 (n, side, side, 3); None leaves it to OpenVINO."""
        types = {"fp32": ov.Type.f32, "bf16": ov.Type.bf16, "fp16": ov.Type.f16}
        accurate = self._floats == "fp32"
        mode = hint.ExecutionMode.ACCURACY if accurate else hint.ExecutionMode.PERFORMANCE
        options = {
            hint.inference_precision: types[self._floats],
            hint.execution_mode: mode,
            properties.streams.num: properties.streams.Num(streams),
        }
        if pinned is not None:
            options[hint.enable_cpu_pinning] = pinned
        if threads is not None:
            options[properties.inference_num_threads] = threads
        return core().compile_model(self._graph, "CPU", options)


def photos_per_s(
    compiled: ov.CompiledModel, streams: int, pixels: NDArray[np.uint8], seconds: float
) -> float:
    """Photos per second of the engine while calls always wait for it.

    Args:
        compiled: The model.
        streams: The number of streams that it was compiled for.
        pixels: Input of one call, shape (batch, side, side, 3).
        seconds: Duration of the measurement.
    """
    queue = ov.AsyncInferQueue(compiled, streams)
    for _ in range(2 * streams):
        queue.start_async({0: pixels})
    queue.wait_all()
    began, calls = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        queue.start_async({0: pixels})
        calls += 1
    queue.wait_all()
    return calls * len(pixels) / (time.perf_counter() - began)


def settings_to_try(cores: int) -> Iterator[Setting]:
    """From one stream to one per core, each with all batch sizes."""
    for streams in sorted({1, max(1, cores // 2), cores}):
        for batch in BATCHES:
            yield Setting(streams, batch)


def best_setting(
    engine: Engine, pixels: NDArray[np.uint8], seconds: float
) -> tuple[Setting, dict[Setting, float]]:
    """Measure all settings; returns the fastest, and the photos per second of each."""
    found: dict[Setting, float] = {}
    for setting in settings_to_try(processors()):
        compiled = engine.compile(setting.streams)
        batch = np.repeat(pixels[None], setting.batch, 0)
        found[setting] = photos_per_s(compiled, setting.streams, batch, seconds)
    return max(found, key=found.__getitem__), found


def _preprocess_all(names: Sequence[str], seconds: float) -> tuple[int, float]:
    """Preprocess photos repeatedly; returns their number and the seconds that they took."""
    spec, most = resolve(WorkerSettings()), WorkerSettings().max_pixels
    files = [Path(name).read_bytes() for name in names]
    for data in files[:10]:
        preprocess(data, spec.recipe, most)
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        for data in files:
            preprocess(data, spec.recipe, most)
        count += len(files)
    return count, time.perf_counter() - began


def preprocessing_core_ms(lists: Sequence[Sequence[str]], seconds: float) -> list[float]:
    """Core-ms per photo of each list, on average, while every core preprocesses photos."""
    cores, found = processors(), []
    with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:
        for names in lists:
            parts = [names[number::cores] or names for number in range(cores)]
            results = list(pool.map(_preprocess_all, parts, [seconds] * cores))
            found.append(statistics.fmean(1000 * took / count for count, took in results))
    return found


def lone_ms(
    request: ov.InferRequest, names: Sequence[str], settings: WorkerSettings
) -> tuple[float, float]:
    """Medians in ms with one photo at a time: the engine on all cores, and preprocessing."""
    spec = resolve(settings)
    infer, prepare = [], []
    for name in islice(cycle(names), LONE):
        data = Path(name).read_bytes()
        began = time.perf_counter()
        pixels = preprocess(data, spec.recipe, settings.max_pixels)
        prepared = time.perf_counter()
        request.infer({0: pixels[None]}, share_inputs=True)
        prepare.append(prepared - began)
        infer.append(time.perf_counter() - prepared)
    return statistics.median(infer) * 1000, statistics.median(prepare) * 1000


def measure(lists: Sequence[Sequence[str]], seconds: float, setting: Setting | None) -> list[Limit]:
    """Measure the limit on this machine for each list of photos.

    Args:
        lists: Paths of the photos.
        seconds: Duration for the engine; half as long for preprocessing each list.
        setting: The engine's setting; None measures all of them first and chooses the fastest.
    """
    settings = WorkerSettings()
    spec = resolve(settings)
    engine = Engine(spec, settings)
    pixels = preprocess(Path(lists[0][0]).read_bytes(), spec.recipe, settings.max_pixels)
    if setting is None:
        setting, _ = best_setting(engine, pixels, seconds / 4)
    compiled = engine.compile(setting.streams)
    batch = np.repeat(pixels[None], setting.batch, 0)
    per_s = photos_per_s(compiled, setting.streams, batch, seconds)
    request, cores = engine.compile(1).create_infer_request(), processors()
    lone = [lone_ms(request, names, settings) for names in lists]
    return [
        Limit(setting, engine.precision, cores, cores * 1000 / per_s, core_ms, *times)
        for core_ms, times in zip(preprocessing_core_ms(lists, seconds / 2), lone, strict=True)
    ]


def main() -> None:
    """Measure, and print the limits as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "lists", type=Path, nargs="+", help="files with the paths of photos, one per line"
    )
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--streams", type=int)
    parser.add_argument("--batch", type=int, default=1)
    options = parser.parse_args()
    lists = [file.read_text().splitlines() for file in options.lists]
    setting = Setting(options.streams, options.batch) if options.streams else None
    print(json.dumps([asdict(one) for one in measure(lists, options.seconds, setting)]))


if __name__ == "__main__":
    main()
