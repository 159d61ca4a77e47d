"""What ``PRECISION=auto`` computes in on OpenVINO, whatever processor the tests run on."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import openvino as ov
import pytest

from tests.support.networks import CLASSES, noise
from worker.inference import openvino_runtime
from worker.inference.conversion import converted
from worker.inference.openvino_runtime import OpenVINORuntime
from worker.models.selection import ModelSpec

# torch and OpenVINO warn about themselves, and the weights' package about its age
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

WITH_BF16, WITHOUT_BF16 = ["FP32", "BF16", "INT8"], ["FP32", "INT8"]
Start: TypeAlias = Callable[..., OpenVINORuntime]
SLOWER, FASTER = (60.0, 100.0), (70.0, 20.0)


class Processor:
    """What OpenVINO says about the processor, and what is measured; notes what is compiled."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.native, self.times = WITH_BF16, FASTER
        self.measured = 0
        self.compiled: set[str] = set()
        monkeypatch.setattr(openvino_runtime, "_native", lambda: self.native)
        monkeypatch.setattr(openvino_runtime, "_core_ms", self._measure)
        compiled = openvino_runtime._compiled

        def note(graph: ov.Model, precision: str, streams: int) -> ov.CompiledModel:
            self.compiled.add(precision)
            return compiled(graph, precision, streams)

        monkeypatch.setattr(openvino_runtime, "_compiled", note)

    def _measure(self, *_: object) -> tuple[float, float]:
        self.measured += 1
        return self.times


@pytest.fixture
def processor(monkeypatch: pytest.MonkeyPatch) -> Processor:
    return Processor(monkeypatch)


@pytest.fixture
def start(spec: ModelSpec, cache: Path) -> Start:
    """Loads a model whose graph for int8 is the one in fp32."""

    def start(precision: str, model: str = "resnet50") -> OpenVINORuntime:
        graph = converted(spec, cache)
        return OpenVINORuntime(replace(spec, name=model), cache, precision, trial=graph)

    return start


@pytest.mark.parametrize(
    ("says", "taken", "measured"),
    [
        ((WITH_BF16, FASTER), "bf16", 1),
        ((WITH_BF16, SLOWER), "fp32", 1),
        ((WITHOUT_BF16, FASTER), "fp32", 0),
    ],
)
def test_bf16_is_taken_where_it_is_native_and_was_measured_to_be_faster(
    says: tuple[list[str], tuple[float, float]],
    taken: str,
    measured: int,
    start: Start,
    processor: Processor,
) -> None:
    processor.native, processor.times = says
    assert [start("auto").precision for _ in range(2)] == [taken, taken]
    assert processor.compiled == {taken}
    assert processor.measured == measured, "once for both starts"


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_precision_that_is_set_is_not_measured(
    precision: str, start: Start, processor: Processor
) -> None:
    processor.times = SLOWER
    assert start(precision).precision == precision
    assert processor.compiled == {precision}
    assert processor.measured == 0


@pytest.mark.parametrize(
    ("times", "model", "floats"),
    [
        (FASTER, "resnet50", "bf16"),
        (SLOWER, "resnet50", "fp32"),
        (FASTER, "efficientnet_lite0", "fp32"),
    ],
)
def test_what_int8_leaves_out_is_computed_as_with_auto(
    times: tuple[float, float], model: str, floats: str, start: Start, processor: Processor
) -> None:
    processor.times = times
    assert start("int8", model).precision == "int8"
    assert processor.compiled == {floats}


def test_this_processor_is_measured_and_answers(start: Start, spec: ModelSpec, cache: Path) -> None:
    kinds = [("fp32", 1), ("fp32", 4), ("bf16", 1)]
    times = openvino_runtime._core_ms(converted(spec, cache), spec.recipe.crop, kinds)
    assert len(times) == 3
    assert all(0 < time < float("inf") for time in times)
    runtime = start("auto")
    assert runtime.precision in {"fp32", "bf16"}
    assert runtime.predict(noise(2)).shape == (2, CLASSES)
