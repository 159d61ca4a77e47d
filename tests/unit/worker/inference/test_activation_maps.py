"""Both engines' activation maps are what plain torch computes from its own layers."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
import torch
from efficientnet_lite_pytorch import EfficientNet
from numpy.typing import NDArray
from openvino import opset15 as opset
from torchvision import models
from torchvision.transforms.functional import normalize, to_tensor

from worker.inference import load_runtime
from worker.inference.openvino_maps import head_of
from worker.inference.openvino_runtime import OpenVINORuntime
from worker.models.selection import ModelSpec
from worker.models.transforms import EFFICIENTNET_LITE0, IMAGENET1K_V1, Recipe
from worker.settings import WorkerSettings

# torch and OpenVINO warn about themselves, and the weights' package about its age
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

Average = Callable[[ov.Node], ov.Node]

CLASSES = [3, 0, 11]
LABELS = tuple(f"class {n}" for n in range(12))
MODELS = {
    "resnet50": (IMAGENET1K_V1, "avgpool", "fc"),
    "efficientnet_lite0": (EFFICIENTNET_LITE0, "_avg_pooling", "_fc"),
}


@pytest.fixture(scope="module", params=list(MODELS))
def network(request: pytest.FixtureRequest) -> tuple[str, torch.nn.Module]:
    torch.manual_seed(2)
    if request.param == "resnet50":
        return request.param, models.resnet50(num_classes=len(LABELS)).eval()
    return request.param, EfficientNet.from_name("efficientnet-lite0", num_classes=12).eval()


@pytest.fixture(scope="module")
def spec(
    network: tuple[str, torch.nn.Module], tmp_path_factory: pytest.TempPathFactory
) -> ModelSpec:
    name, module = network
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    torch.save(module.state_dict(), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return ModelSpec(name, path.name, path, digest, MODELS[name][0], LABELS)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def photo() -> NDArray[np.uint8]:
    grid = np.random.default_rng(7).integers(0, 256, (14, 14, 3), dtype=np.uint8)
    return np.kron(grid, np.ones((16, 16, 1), np.uint8))


def plain(
    network: tuple[str, torch.nn.Module], photo: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Maps by the definition, from a hook before the average; and the logits."""
    name, module = network
    recipe, average, linear = MODELS[name]
    seen: list[torch.Tensor] = []
    hook = getattr(module, average).register_forward_pre_hook(lambda _, given: seen.append(*given))
    with torch.inference_mode():
        logits = module(normalised(photo, recipe)[None])[0]
        weights = getattr(module, linear).weight
        maps = [(weights[k][:, None, None] * seen[0][0]).sum(0) for k in CLASSES]
    hook.remove()
    return torch.stack(maps).numpy(), logits.numpy()


def normalised(photo: NDArray[np.uint8], recipe: Recipe) -> torch.Tensor:
    return normalize(to_tensor(photo), list(recipe.mean), list(recipe.std))


@pytest.mark.parametrize("precision", ["fp32", "auto"])
@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_maps_equal_a_plain_computation(
    engine: str,
    precision: str,
    *,
    spec: ModelSpec,
    cache: Path,
    network: tuple[str, torch.nn.Module],
    photo: NDArray[np.uint8],
) -> None:
    settings = WorkerSettings(device="cpu", runtime=engine, precision=precision, model_cache=cache)
    runtime = load_runtime(spec, settings)
    assert runtime.explains
    maps = runtime.explain(photo, CLASSES)
    expected, logits = plain(network, photo)
    assert maps.shape == (len(CLASSES), 7, 7)
    assert maps.dtype == np.float32
    np.testing.assert_allclose(maps, expected, atol=1e-3)
    # and their mean is the logit, but for the bias
    bias = getattr(network[1], MODELS[network[0]][2]).bias.detach().numpy()
    np.testing.assert_allclose(maps.mean((1, 2)) + bias[CLASSES], logits[CLASSES], atol=1e-3)


def test_the_graph_of_maps_is_compiled_once_and_only_if_needed(
    spec: ModelSpec, cache: Path, photo: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[ov.Model] = []
    compile_model = ov.Core.compile_model

    def note(core: ov.Core, graph: ov.Model, *options: object) -> ov.CompiledModel:
        compiled.append(graph)
        return compile_model(core, graph, *options)

    monkeypatch.setattr(ov.Core, "compile_model", note)
    runtime = OpenVINORuntime(spec, cache, "fp32")
    runtime.predict(photo[None])
    without_maps = len(compiled)
    for _ in range(2):
        runtime.explain(photo, CLASSES)
    assert without_maps in {1, 2}
    assert len(compiled) == without_maps + 1


def ending(average: Average, *, row_per_class: bool = True) -> ov.Model:
    """A graph of 4 channels on 7 x 7 places that ends in two classes."""
    features = opset.parameter([1, 4, 7, 7], np.float32)
    weights = np.ones((2, 4) if row_per_class else (4, 2), np.float32)
    flat = opset.reshape(average(features), np.array([-1, 4]), False)
    logits = opset.matmul(flat, weights, False, row_per_class)
    return ov.Model([opset.softmax(logits, 1)], [features])


def pool(*kernel: int, pads: int = 0) -> Average:
    def apply(features: ov.Node) -> ov.Node:
        around = [pads, pads]
        return opset.avg_pool(features, [7, 7], around, around, list(kernel), False, "ceil")

    return apply


def mean(*axes: int) -> Average:
    return lambda features: opset.reduce_mean(features, np.array(axes), True)


@pytest.mark.parametrize("average", [pool(7, 7), mean(2, 3), mean(-1, -2)])
def test_an_average_over_all_places_is_a_head(average: Average) -> None:
    assert head_of(ending(average)) is not None


NO_HEADS = {
    "an average of a part": ending(pool(5, 5)),
    "an average with a margin": ending(pool(7, 7, pads=1)),
    "an average of channels and rows": ending(
        lambda features: opset.reduce_mean(
            opset.transpose(features, np.array([0, 2, 3, 1])), np.array([1, 2]), True
        )
    ),
    "no average": ending(lambda features: opset.reduce_max(features, np.array([2, 3]), True)),
    "a column per class": ending(mean(2, 3), row_per_class=False),
}


@pytest.mark.parametrize("graph", NO_HEADS.values(), ids=NO_HEADS)
def test_a_graph_with_another_end_has_no_head(graph: ov.Model) -> None:
    """Maps made from it would be wrong, and that would not be noticed."""
    assert head_of(graph) is None
