"""Both engines answer what torchvision answers; what does not fit is told in one line.

The weights are random, but made so that photos differ: batch statistics of noise, a steep head.
"""

import hashlib
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import openvino as ov
import pytest
import torch
from efficientnet_lite_pytorch import EfficientNet
from numpy.typing import NDArray
from openvino import opset15 as opset
from openvino import properties
from safetensors.torch import save_file
from torchvision import models
from torchvision.transforms.functional import normalize, to_tensor

from worker import inference
from worker.inference import (
    OutOfMemory,
    Runtime,
    conversion,
    load_runtime,
    openvino_runtime,
    torch_runtime,
)
from worker.inference.architectures import build
from worker.inference.openvino_runtime import OpenVINORuntime
from worker.inference.torch_runtime import TorchRuntime
from worker.recipes import EFFICIENTNET_LITE0, IMAGENET1K_V1, IMAGENET1K_V2
from worker.registry import ModelSpec, ModelUnavailable, resolve
from worker.settings import WorkerSettings

# torch and OpenVINO warn about themselves, and the weights' package about its age
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

ROOT = Path(__file__).parents[3]
CLASSES = 37
LABELS = tuple(f"class {n}" for n in range(CLASSES))
ENGINES = ["torch", "openvino"]
Pixels = NDArray[np.uint8]


def noise(count: int) -> Pixels:
    """Random pictures of different grain and colour, shape (count, 224, 224, 3)."""
    rng = np.random.default_rng(count)
    pictures = []
    for n in range(count):
        grain = 2 ** (n % 6)
        small = rng.integers(0, 256, (224 // grain, 224 // grain, 3), dtype=np.uint8)
        picture = np.kron(small, np.ones((grain, grain, 1), np.uint8)).astype(float)
        pictures.append(picture * rng.uniform(0.3, 1, 3))
    return np.stack(pictures).astype(np.uint8)


@pytest.fixture(scope="module")
def network() -> models.ResNet:
    torch.manual_seed(1)
    network = models.resnet50(num_classes=CLASSES)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # average over what passes
    with torch.no_grad():
        network.train()(torch.stack([normalised(photo) for photo in noise(12)]))
        network.eval().fc.weight *= 4
    return network


@pytest.fixture(scope="module")
def expected(network: models.ResNet) -> NDArray[np.float32]:
    """What plain torch answers on `noise(8)`, a photo at a time."""
    with torch.inference_mode():
        return np.stack(
            [network(normalised(p).unsqueeze(0)).softmax(1)[0].numpy() for p in noise(8)]
        )


@pytest.fixture(scope="module")
def spec(network: models.ResNet, tmp_path_factory: pytest.TempPathFactory) -> ModelSpec:
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    torch.save(network.state_dict(), path)
    return of_file(path)


def of_file(path: Path, labels: tuple[str, ...] = LABELS) -> ModelSpec:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return ModelSpec("resnet50", path.name, path, digest, IMAGENET1K_V2, labels)


@pytest.fixture(scope="module")
def load(spec: ModelSpec, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Runtime]:
    """Loads the random model on the processor, with one cache for all tests."""
    cache = tmp_path_factory.mktemp("cache")

    def load(runtime: str, precision: str = "fp32", of: ModelSpec = spec) -> Runtime:
        return load_runtime(of, settings(cache, runtime=runtime, precision=precision))

    return load


@pytest.fixture(scope="module")
def packaged_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the packaged model is converted into, once."""
    return tmp_path_factory.mktemp("packaged")


def settings(cache: Path, **values: Any) -> WorkerSettings:
    return WorkerSettings(**{"device": "cpu", "model_cache": cache} | values)


def normalised(photo: Pixels) -> torch.Tensor:
    return normalize(to_tensor(photo), IMAGENET1K_V2.mean, IMAGENET1K_V2.std)


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


WARM_START = """
import sys
import numpy as np
from worker.inference import load_runtime
from worker.registry import resolve
from worker.settings import WorkerSettings

settings = WorkerSettings()
runtime = load_runtime(resolve(settings), settings)
print(float(runtime.predict(np.zeros((1, 224, 224, 3), np.uint8)).sum()))
print({"torch", "torchvision", "safetensors"} & set(sys.modules))
"""


def test_a_worker_on_openvino_never_loads_torch(tmp_path: Path) -> None:
    environment = {
        "MODEL": "efficientnet_lite0",
        "MODEL_CACHE": str(tmp_path),
        "RUNTIME": "auto",
        "DEVICE": "cpu",
    }
    for first in (True, False):
        ran = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", WARM_START],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        total, modules = ran.stdout.strip().splitlines()[-2:]
        assert float(total) == pytest.approx(1, abs=1e-2)
        assert modules == "set()"
        assert ("converting the model" in ran.stdout + ran.stderr) == first


def test_a_graph_is_kept_per_weights_and_recipe(spec: ModelSpec) -> None:
    keys = {
        conversion.cache_key(spec),
        conversion.cache_key(replace(spec, sha256="0" * 64)),
        conversion.cache_key(replace(spec, recipe=EFFICIENTNET_LITE0)),
    }
    assert len(keys) == 3
    same_pixels = replace(spec, recipe=IMAGENET1K_V1, weights="another name")
    assert conversion.cache_key(same_pixels) in keys


class Toy:
    """Counts the conversions, each of which writes a graph of one layer."""

    def __init__(self) -> None:
        self.conversions = 0

    def __call__(self, spec: ModelSpec, folder: Path) -> None:
        self.conversions += 1
        pixels = opset.parameter([-1, 224, 224, 3], np.uint8)
        colour = opset.reduce_mean(opset.convert(pixels, "f32"), np.array([1, 2]), False)
        head = np.random.default_rng(0).normal(0, 0.01, (3, len(spec.labels))).astype(np.float32)
        answer = opset.softmax(opset.matmul(colour, head, False, False), 1)
        conversion.save(ov.Model(answer, [pixels]), folder)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Toy:
    toy = Toy()
    monkeypatch.setattr(conversion, "_convert_apart", toy)
    return toy


@pytest.mark.parametrize("damaged", ["model.xml", "model.bin"])
def test_a_damaged_graph_is_converted_again(
    spec: ModelSpec, toy: Toy, tmp_path: Path, damaged: str
) -> None:
    def start() -> NDArray[np.float32]:
        return OpenVINORuntime(spec, tmp_path, "fp32").predict(noise(2))

    first = start()
    assert (start() == first).all()
    assert toy.conversions == 1
    (file,) = tmp_path.glob(f"openvino/*/{damaged}")
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert (start() == first).all()
    assert toy.conversions == 2
    assert file.stat().st_size >= len(whole)
    assert [path.name for path in file.parent.parent.iterdir()] == [file.parent.name]


@pytest.mark.usefixtures("toy")
def test_two_that_convert_at_once_keep_one_graph(spec: ModelSpec, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        runtimes = list(pool.map(lambda _: OpenVINORuntime(spec, tmp_path, "fp32"), range(4)))
    answers = [runtime.predict(noise(1)) for runtime in runtimes]
    assert all((answer == answers[0]).all() for answer in answers)
    assert len(list((tmp_path / "openvino").iterdir())) == 1


def test_a_cache_that_cannot_be_written_costs_only_time(
    spec: ModelSpec, toy: Toy, tmp_path: Path
) -> None:
    (tmp_path / "openvino").touch()
    for _ in range(2):
        assert OpenVINORuntime(spec, tmp_path, "fp32").predict(noise(1)).shape == (1, CLASSES)
    assert toy.conversions == 2


def told(action: Callable[[], object]) -> str:
    """The one line that a person is told."""
    with pytest.raises(ModelUnavailable) as caught:
        action()
    line = str(caught.value)
    assert "\n" not in line
    return line


@pytest.mark.parametrize("engine", ENGINES)
def test_labels_of_another_number_are_refused(
    engine: str, spec: ModelSpec, load: Callable[..., Runtime]
) -> None:
    load(engine)  # also when the graph is kept
    line = told(lambda: load(engine, of=replace(spec, labels=LABELS[:-1])))
    assert f"{CLASSES} classes and there are {CLASSES - 1} labels: set MODEL_LABELS" in line


class Anything:
    pass


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("random.pth", b"x" * 5000, "not a file of weights that can be loaded safely"),
        ("empty.pth", b"", "not a file of weights that can be loaded safely"),
        ("random.safetensors", b"x" * 5000, "not a file of weights that can be loaded safely"),
        ("code.pth", Anything(), "not a file of weights that can be loaded safely"),
        ("number.pth", 5, "holds more than weights"),
        ("checkpoint.pth", {"epoch": 3, "model": {}}, "holds more than weights"),
        ("other.pth", {"head.weight": torch.zeros(5, 4)}, "no matrix fc.weight"),
        ("vector.pth", {"fc.weight": torch.zeros(5)}, "no matrix fc.weight"),
    ],
)
def test_files_that_hold_no_weights_are_refused(
    tmp_path: Path, name: str, content: object, line: str
) -> None:
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    assert line in told(lambda: build(of_file(path)))


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "resnet18.pth"
    torch.save(models.resnet18(num_classes=CLASSES).state_dict(), path)
    assert "do not fit resnet50: Missing key(s)" in told(lambda: build(of_file(path)))


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"precision": "int8"}, "run `python -m worker.quantize PHOTOS/` with the same settings"),
        ({"runtime": "torch", "precision": "int8"}, "PRECISION=int8 runs on OpenVINO only"),
        ({"runtime": "torch", "precision": "fp16"}, "PRECISION=fp16 needs a GPU"),
        ({"device": "cuda:99"}, "DEVICE=cuda:99, but torch"),
        ({"device": "cuda:99", "runtime": "openvino"}, "DEVICE=cuda:99"),
    ],
)
def test_settings_that_this_machine_cannot_meet_are_refused(
    spec: ModelSpec, tmp_path: Path, values: dict[str, Any], line: str
) -> None:
    assert line in told(lambda: load_runtime(spec, settings(tmp_path, **values)))


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
def test_torch_without_memory_says_so(load: Callable[..., Runtime], error: Exception) -> None:
    runtime = load("torch")
    assert isinstance(runtime, TorchRuntime)
    runtime._model = failing(error)
    with pytest.raises(OutOfMemory):
        runtime.predict(noise(1))
    runtime._model = failing(RuntimeError("another fault"))
    with pytest.raises(RuntimeError, match="another fault"):
        runtime.predict(noise(1))


def test_a_lone_call_takes_every_core_and_one_beside_it_a_stream(
    load: Callable[..., Runtime], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino_runtime, "processors", lambda: 2)
    runtime = load("openvino")
    assert isinstance(runtime, OpenVINORuntime)
    streams = [runtime._free.get() for _ in range(runtime.concurrency)]
    for request in streams:
        runtime._free.put(request)
    taken: list[ov.InferRequest] = []
    both = threading.Barrier(2)
    infer = ov.InferRequest.infer

    def note(request: ov.InferRequest, *args: Any, **options: Any) -> object:
        taken.append(request)
        if len(taken) <= 2:
            both.wait(10)
        return infer(request, *args, **options)

    monkeypatch.setattr(ov.InferRequest, "infer", note)
    with ThreadPoolExecutor(2) as pool:
        side_by_side = list(pool.map(lambda _: runtime.predict(noise(1)), range(2)))
    assert np.abs(side_by_side[0] - side_by_side[1]).max() < 1e-5
    runtime.predict(noise(1))
    (whole,) = {id(request) for request in taken[:2]} - {id(request) for request in streams}
    assert len({id(request) for request in taken[:2]}) == 2
    assert id(taken[2]) == whole


def test_openvino_starts_no_more_threads_than_a_containers_limit(
    load: Callable[..., Runtime], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino_runtime, "quota", lambda: 1)
    monkeypatch.setattr(openvino_runtime, "processors", lambda: 1)
    runtime = load("openvino")
    assert isinstance(runtime, OpenVINORuntime)
    model = runtime._whole.get().get_compiled_model()
    assert model.get_property(properties.inference_num_threads) == 1
    assert runtime.concurrency == 1


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


def failing(error: Exception) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


class MeanColour(torch.nn.Module):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels.float().mean(dim=(1, 2)).div(10).softmax(dim=1)


class FakeCuda:
    """As far as a machine without a GPU can show it: what torch is asked for, on the processor."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def copy(tensor: torch.Tensor, _: object, *, non_blocking: bool) -> torch.Tensor:
            self.copies.append(non_blocking)
            return tensor

        self.bf16 = True
        self.pinned = self.emptied = 0
        self._empty = torch.empty
        monkeypatch.setattr(torch_runtime, "build", lambda _: MeanColour())
        monkeypatch.setattr(torch, "device", lambda _: SimpleNamespace(type="cuda"))
        monkeypatch.setattr(torch, "empty", self._pin)
        monkeypatch.setattr(torch.nn.Module, "to", lambda module, *_, **__: module)
        monkeypatch.setattr(torch.Tensor, "to", copy)
        monkeypatch.setattr(torch.cuda, "device", lambda _: nullcontext())
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: self.bf16)
        monkeypatch.setattr(torch.cuda, "empty_cache", self._note_emptied)
        monkeypatch.setattr(torch, "autocast", self._autocast)
        for name in ("benchmark", "allow_tf32"):  # for monkeypatch to restore
            monkeypatch.setattr(torch.backends.cudnn, name, getattr(torch.backends.cudnn, name))
        self.autocasts: list[tuple[torch.dtype, bool]] = []
        self.copies: list[bool] = []

    def _pin(self, *size: Any, pin_memory: bool = False, **options: Any) -> torch.Tensor:
        self.pinned += pin_memory
        return self._empty(*size, **options)

    def _note_emptied(self) -> None:
        self.emptied += 1

    def _autocast(self, kind: str, *, dtype: torch.dtype, enabled: bool) -> object:
        assert kind == "cuda"
        self.autocasts.append((dtype, enabled))
        return nullcontext()


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    return FakeCuda(monkeypatch)


@pytest.mark.parametrize(
    ("wanted", "native", "computed"),
    [
        ("auto", True, ("bf16", torch.bfloat16, True)),
        ("auto", False, ("fp16", torch.float16, True)),
        ("fp32", True, ("fp32", torch.float32, False)),
    ],
)
def test_a_gpu_gets_pinned_photos_and_its_own_precision(
    wanted: str,
    native: bool,
    computed: tuple[str, torch.dtype, bool],
    cuda: FakeCuda,
) -> None:
    cuda.bf16 = native
    runtime = TorchRuntime(of_file(Path(__file__)), "cuda:1", wanted)
    answers = runtime.predict(noise(8)[:2])
    assert (runtime.device, runtime.precision) == ("cuda:1", computed[0])
    assert cuda.autocasts == [computed[1:]]
    assert (cuda.pinned, cuda.copies) == (1, [True])
    assert torch.backends.cudnn.benchmark
    assert not torch.backends.cudnn.allow_tf32
    assert np.abs(answers - MeanColour()(torch.from_numpy(noise(8)[:2])).numpy()).max() < 1e-6


def test_a_gpu_without_memory_is_swept_before_half_the_batch_is_tried(cuda: FakeCuda) -> None:
    runtime = TorchRuntime(of_file(Path(__file__)), "cuda:0", "auto")
    runtime._model = failing(torch.OutOfMemoryError("CUDA out of memory"))
    with pytest.raises(OutOfMemory):
        runtime.predict(noise(2))
    assert cuda.emptied == 1


@pytest.mark.parametrize(("device", "chosen"), [("auto", "cuda:0"), ("cuda:1", "cuda:1")])
def test_each_process_takes_the_gpu_that_it_is_told(
    device: str, chosen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[str, str]] = []
    monkeypatch.setattr(inference, "_GPU_SIGNS", ("/",))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(
        torch_runtime, "TorchRuntime", lambda _, device, precision: made.append((device, precision))
    )
    load_runtime(of_file(Path(__file__)), settings(tmp_path, device=device))
    assert made == [(chosen, "auto")]
