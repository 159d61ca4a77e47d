"""Whether photos share calls, or each has a call of its own, by what is faster."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import openvino as ov
import pytest

from tests.support.networks import noise, settings
from worker import inference
from worker.inference import load_runtime, openvino_runtime
from worker.inference.openvino_runtime import OpenVINORuntime
from worker.inference.runtime import OutOfMemory
from worker.models.selection import ModelSpec

# torch and OpenVINO warn about themselves, and the weights' package about its age
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


class Processor:
    """Two cores whose times a test chooses; notes what is measured and compiled."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.times = [60.0, 55.0]
        self.measured: list[Sequence[tuple[str, int]]] = []
        self.streams: list[int] = []
        self.limit: int | None = None
        monkeypatch.setattr(openvino_runtime, "processors", lambda: 2)
        monkeypatch.setattr(openvino_runtime, "_core_ms", self._measure)
        monkeypatch.setattr(inference, "memory_limit", lambda: self.limit)
        monkeypatch.setattr(inference, "processors", lambda: 2)
        compiled = openvino_runtime._compiled

        def note(graph: ov.Model, precision: str, streams: int) -> ov.CompiledModel:
            self.streams.append(streams)
            return compiled(graph, precision, streams)

        monkeypatch.setattr(openvino_runtime, "_compiled", note)

    def _measure(self, _: ov.Model, __: int, kinds: Sequence[tuple[str, int]]) -> list[float]:
        self.measured.append(kinds)
        return self.times


@pytest.fixture
def processor(monkeypatch: pytest.MonkeyPatch) -> Processor:
    return Processor(monkeypatch)


@pytest.mark.parametrize(("times", "best_batch"), [([60.0, 55.0], 4), ([60.0, 70.0], 1)])
def test_photos_share_calls_if_that_is_faster(
    times: list[float],
    best_batch: int,
    spec: ModelSpec,
    cache: Path,
    processor: Processor,
) -> None:
    processor.times = times
    for _ in range(2):
        processor.streams.clear()
        runtime = load_runtime(spec, settings(cache, runtime="openvino", precision="fp32"))
        assert runtime.best_batch == best_batch
        assert processor.streams == [2, 1], "a core for each call, and all cores for one"
        assert runtime.concurrency == 2
    assert processor.measured == [[("fp32", 1), ("fp32", 4)]], "once for both starts"


@pytest.mark.parametrize("most", [1, 3])
def test_smaller_calls_are_not_measured_as_larger_ones(
    most: int, spec: ModelSpec, cache: Path, processor: Processor
) -> None:
    limited = settings(cache, runtime="openvino", precision="fp32", max_batch_size=most)
    assert load_runtime(spec, limited).concurrency == 2
    assert processor.measured == []


@pytest.mark.parametrize(("limit_mib", "best_batch"), [(1023, 1), (1024, 4)])
def test_in_a_small_container_each_photo_has_a_call(
    limit_mib: int, best_batch: int, spec: ModelSpec, cache: Path, processor: Processor
) -> None:
    processor.limit = limit_mib * 2**20
    runtime = load_runtime(spec, settings(cache, runtime="openvino", precision="fp32"))
    assert (runtime.best_batch, runtime.concurrency) == (best_batch, 2)
    assert len(processor.measured) == (best_batch > 1)


def test_on_one_core_photos_share_calls_in_a_small_container_too(
    spec: ModelSpec, cache: Path, processor: Processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    processor.limit, processor.times = 512 * 2**20, [30.0, 25.0]
    for module in (inference, openvino_runtime):
        monkeypatch.setattr(module, "processors", lambda: 1)
    runtime = load_runtime(spec, settings(cache, runtime="openvino", precision="fp32"))
    assert (runtime.best_batch, processor.streams) == (4, [1]), "one model, one call"


@pytest.mark.usefixtures("processor")
def test_if_several_photos_do_not_fit_each_has_a_core(
    spec: ModelSpec, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(*_: object) -> list[float]:
        raise OutOfMemory("no room")

    monkeypatch.setattr(openvino_runtime, "_core_ms", measure)
    runtime = load_runtime(spec, settings(cache, runtime="openvino", precision="fp32"))
    assert (runtime.best_batch, runtime.concurrency) == (1, 2)


@pytest.mark.usefixtures("processor")
def test_photos_that_share_a_call_get_their_own_answers(spec: ModelSpec, cache: Path) -> None:
    runtime = load_runtime(spec, settings(cache, runtime="openvino", precision="fp32"))
    together, photos = runtime.predict(noise(4)), noise(4)
    for number, row in enumerate(together):
        alone = runtime.predict(photos[number : number + 1])[0]
        assert np.abs(row - alone).max() < 1e-5


def test_a_model_that_does_not_serve_is_not_measured(
    spec: ModelSpec, cache: Path, processor: Processor
) -> None:
    runtime = OpenVINORuntime(spec, cache, "fp32")
    assert (runtime.best_batch, runtime.concurrency) == (1, 2)
    assert processor.measured == []
