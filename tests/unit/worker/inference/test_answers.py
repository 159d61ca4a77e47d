"""Both engines answer what torchvision answers, in every precision and from many threads."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
import torch
from efficientnet_lite_pytorch import EfficientNet
from numpy.typing import NDArray
from safetensors.torch import save_file
from torchvision import models

from tests.support.networks import CLASSES, failing, noise, of_file, settings
from worker.inference import load_runtime, openvino_runtime
from worker.inference.runtime import OutOfMemory, Runtime
from worker.inference.torch_runtime import TorchRuntime
from worker.models.selection import resolve
from worker.models.transforms import EFFICIENTNET_LITE0

# torch and OpenVINO warn about themselves, and the weights' package about its age
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

ENGINES = ["torch", "openvino"]


def top_3(probabilities: NDArray[np.float32]) -> NDArray[np.intp]:
    return np.argsort(-probabilities, axis=1)[:, :3]


@pytest.mark.parametrize("engine", ENGINES)
def test_in_fp32_the_answers_are_torchvisions(
    engine: str, load: Callable[..., Runtime], expected: NDArray[np.float32]
) -> None:
    photos = noise(8)
    ranked = np.sort(expected, axis=1)[:, ::-1]
    assert len({tuple(row) for row in top_3(expected)}) > 3, "the photos should differ"
    assert (ranked[:, :3] - ranked[:, 1:4]).min() > 1e-4, "the order should mean something"
    runtime = load(engine)
    answers = np.concatenate([runtime.predict(photos[:1]), runtime.predict(photos[1:])])
    assert (runtime.name, runtime.device, runtime.precision) == (engine, "cpu", "fp32")
    assert answers.shape == (8, CLASSES)
    assert answers.dtype == np.float32
    assert np.abs(answers - expected).max() <= 1e-4
    assert (top_3(answers) == top_3(expected)).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_automatic_precision_is_named_and_answers_probabilities(
    engine: str, load: Callable[..., Runtime], expected: NDArray[np.float32]
) -> None:
    runtime = load(engine, "auto")
    assert runtime.precision in ({"fp32"} if engine == "torch" else {"fp32", "bf16"})
    answers = runtime.predict(noise(8)[:4])
    assert answers.sum(axis=1) == pytest.approx(np.ones(4), abs=1e-3)
    assert np.abs(answers - expected[:4]).max() < 0.2


def test_torch_computes_in_bf16_when_told_to(
    load: Callable[..., Runtime], expected: NDArray[np.float32]
) -> None:
    runtime = load("torch", "bf16")
    difference = np.abs(runtime.predict(noise(8)[:2]) - expected[:2])
    assert runtime.precision == "bf16"
    assert 1e-5 < difference.max() < 0.2


@pytest.mark.parametrize("engine", ENGINES)
def test_read_only_batches_and_repeated_calls_give_the_same(
    engine: str, load: Callable[..., Runtime]
) -> None:
    runtime, photos = load(engine), noise(3)
    first = runtime.predict(photos)
    kept = first.copy()
    photos.flags.writeable = False
    second = runtime.predict(photos)
    runtime.predict(np.zeros_like(photos))
    assert (first == kept).all()
    assert np.abs(first - second).max() < 1e-6


@pytest.mark.parametrize("engine", ENGINES)
def test_threads_do_not_mix_their_photos(engine: str, load: Callable[..., Runtime]) -> None:
    runtime, photos = load(engine), noise(8)
    runtime.warm_up([1, 2])
    alone = runtime.predict(photos)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda n: runtime.predict(photos[n : n + 1])[0], [*range(8)] * 3))
    assert np.abs(np.stack(together) - np.tile(alone, (3, 1))).max() < 1e-5


@pytest.mark.parametrize("engine", ENGINES)
def test_the_packaged_model_answers_what_its_package_answers(
    engine: str, packaged_cache: Path
) -> None:
    chosen = settings(packaged_cache, model="efficientnet_lite0", runtime=engine, precision="fp32")
    spec = resolve(chosen)
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(spec.weights_path, weights_only=True))
    photos = noise(4)
    with torch.inference_mode():
        inputs = torch.from_numpy((photos.astype(np.float32) - 127) / 128).permute(0, 3, 1, 2)
        expected = network.eval()(inputs).softmax(1).numpy()
    answers = load_runtime(spec, chosen).predict(photos)
    assert spec.recipe == EFFICIENTNET_LITE0
    assert np.abs(answers - expected).max() <= 1e-4
    assert (top_3(answers) == top_3(expected)).all()


@pytest.mark.parametrize("form", ["half.pth", "half.safetensors", "legacy.pt"])
def test_weights_are_read_in_half_precision_and_every_format(
    network: models.ResNet, expected: NDArray[np.float32], tmp_path: Path, form: str
) -> None:
    path, state = tmp_path / form, network.state_dict()
    if form == "legacy.pt":
        torch.save(state, path, _use_new_zipfile_serialization=False)
    else:
        state = {name: t.half() if t.is_floating_point() else t for name, t in state.items()}
        save_file(state, path) if form.endswith("tensors") else torch.save(state, path)
    runtime = TorchRuntime(of_file(path), "cpu", "fp32")
    difference = np.abs(runtime.predict(noise(8)[:2]) - expected[:2]).max()
    assert difference < (1e-4 if form == "legacy.pt" else 0.05)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_packaged_model_is_never_rounded_unasked(engine: str, packaged_cache: Path) -> None:
    chosen = settings(packaged_cache, model="efficientnet_lite0", runtime=engine)
    assert load_runtime(resolve(chosen), chosen).precision == "fp32"


def test_a_processor_gets_openvino_by_default(load: Callable[..., Runtime]) -> None:
    assert load("auto").name == "openvino"


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate"),
        MemoryError(),
    ],
)
def test_torch_without_memory_says_so(error: Exception) -> None:
    spec = of_file(Path(__file__))
    runtime = TorchRuntime(spec, "cpu", "fp32", lambda _: Failing(error))
    with pytest.raises(OutOfMemory):
        runtime.predict(noise(1))


def test_torch_reports_another_fault_as_it_is() -> None:
    fault = RuntimeError("another fault")
    runtime = TorchRuntime(of_file(Path(__file__)), "cpu", "fp32", lambda _: Failing(fault))
    with pytest.raises(RuntimeError, match="another fault"):
        runtime.predict(noise(1))


class Failing(torch.nn.Module):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def forward(self, _: torch.Tensor) -> torch.Tensor:
        raise self._error


class Inferring:
    """OpenVINO's requests in the order in which they infer; ``together`` makes some wait."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.requests: list[ov.InferRequest] = []
        self.together = threading.Barrier(1)
        infer = ov.InferRequest.infer

        def note(request: ov.InferRequest, *args: Any, **options: Any) -> object:
            self.requests.append(request)
            self.together.wait(10)
            return infer(request, *args, **options)

        monkeypatch.setattr(ov.InferRequest, "infer", note)

    def properties(self, name: str) -> list[int]:
        """A property of each request's model."""
        models = [request.get_compiled_model() for request in self.requests]
        return [int(model.get_property(name)) for model in models]


@pytest.fixture
def inferring(monkeypatch: pytest.MonkeyPatch) -> Inferring:
    return Inferring(monkeypatch)


def test_a_single_call_uses_every_core_and_a_second_one_a_stream(
    load: Callable[..., Runtime], inferring: Inferring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino_runtime, "photos_per_call", lambda *_: 1)
    monkeypatch.setattr(openvino_runtime, "processors", lambda: 2)
    runtime = load("openvino")
    inferring.requests.clear()
    inferring.together = threading.Barrier(2)
    with ThreadPoolExecutor(2) as pool:
        side_by_side = list(pool.map(lambda _: runtime.predict(noise(1)), range(2)))
    inferring.together = threading.Barrier(1)
    assert np.abs(side_by_side[0] - side_by_side[1]).max() < 1e-5
    assert sorted(inferring.properties("NUM_STREAMS")) == [1, 2]
    runtime.predict(noise(1))
    assert inferring.properties("NUM_STREAMS")[2] == 1


def test_openvino_starts_no_more_threads_than_a_containers_limit(
    load: Callable[..., Runtime], inferring: Inferring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino_runtime, "photos_per_call", lambda *_: 1)
    monkeypatch.setattr(openvino_runtime, "cpu_quota", lambda: 1)
    monkeypatch.setattr(openvino_runtime, "processors", lambda: 1)
    runtime = load("openvino")
    assert inferring.properties("INFERENCE_NUM_THREADS") == [1]
    assert runtime.concurrency == 1
    runtime.explain(noise(1)[0], [0])
    assert inferring.properties("INFERENCE_NUM_THREADS") == [1, 1], "a map keeps the limit, too"


@pytest.mark.parametrize("error", [RuntimeError("Exception: std::bad_alloc"), MemoryError()])
def test_openvino_without_memory_says_so_and_keeps_its_requests(
    load: Callable[..., Runtime], error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = load("openvino")
    with monkeypatch.context() as patch:
        patch.setattr(ov.InferRequest, "infer", failing(error))
        for _ in range(runtime.concurrency + 1):
            with pytest.raises(OutOfMemory):
                runtime.predict(noise(1))
        patch.setattr(ov.InferRequest, "infer", failing(RuntimeError("another fault")))
        with pytest.raises(RuntimeError, match="another fault"):
            runtime.predict(noise(1))
    assert runtime.predict(noise(1)).shape == (1, CLASSES)
