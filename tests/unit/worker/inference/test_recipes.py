"""How a small network is quantized by each recipe, with the real NNCF."""

import numpy as np
import openvino as ov
import pytest
from numpy.typing import NDArray
from openvino import opset13 as ops

from worker.inference.conversion import core
from worker.inference.quantization import RECIPES, Recipe, rounded

# NNCF and what it is built on warn about each other
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

SIDE, CONVOLUTIONS, CLASSES = 16, 7, 5


def network(side: int = SIDE, width: int = 8) -> ov.Model:
    """Some convolutions and a last layer, like the model's: uint8 (n, side, side, 3) → shares."""
    rng = np.random.default_rng(0)
    photo = ops.parameter([-1, side, side, 3], np.uint8)
    planes = ops.transpose(ops.convert(photo, "f32"), [0, 3, 1, 2])
    x, channels = ops.multiply(planes, np.float32(1 / 255)), 3
    for number in range(CONVOLUTIONS):
        weights = rng.normal(0, (2 / 9 / channels) ** 0.5, (width, channels, 3, 3))
        zeros, ones = [1, 1], [1, 1]
        before, x = x, ops.convolution(x, weights.astype(np.float32), ones, zeros, zeros, ones)
        x = ops.add(x, np.full((1, width, 1, 1), 0.1, np.float32))
        # the last convolution has a residual connection
        x = ops.relu(ops.add(x, before) if number == CONVOLUTIONS - 1 else x)
        channels = width
    means = ops.reduce_mean(x, [2, 3])
    head = rng.normal(0, 1, (width, CLASSES)).astype(np.float32)
    return ov.Model([ops.softmax(ops.matmul(means, head, False, False), 1)], [photo])


def photos(count: int, side: int = SIDE) -> list[NDArray[np.uint8]]:
    rng = np.random.default_rng(1)
    return [rng.integers(0, 256, (side, side, 3), np.uint8) for _ in range(count)]


def precisions(graph: ov.Model) -> str:
    """The type of each layer's weights from input to output: `8` for int8, `f` for float."""
    layers = [o for o in graph.get_ordered_ops() if o.get_type_name() in ("Convolution", "MatMul")]
    return "".join(
        "8" if _stored(layer).get_element_type() == ov.Type.i8 else "f" for layer in layers
    )


def _stored(layer: ov.Node) -> ov.Node:
    """The constant that a layer's weights are computed from."""
    node = layer.input_value(1).get_node()
    while node.get_type_name() != "Constant":
        node = node.input_value(0).get_node()
    return node


def rounds_sums(graph: ov.Model) -> bool:
    """Whether a sum of two layers has rounded inputs."""
    inputs = [
        [value.get_node().get_type_name() for value in op.input_values()]
        for op in graph.get_ordered_ops()
        if op.get_type_name() == "Add"
    ]
    sums = [types for types in inputs if "Constant" not in types]
    assert len(sums) == 1
    return "FakeQuantize" in sums[0]


@pytest.mark.parametrize(
    ("recipe", "expected"),
    list(zip(RECIPES, ["88888888", "f888888f", "fffff88f"], strict=True)),
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_recipe_leaves_its_layers_in_floating_point(recipe: Recipe, expected: str) -> None:
    graph = rounded(network(), photos(8), recipe)
    assert precisions(graph) == expected
    assert rounds_sums(graph) == recipe.sums
    batch = np.stack(photos(3))
    ours, exact = (
        core().compile_model(g, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(batch)[0]
        for g in (graph, network())
    )
    assert 0 < np.abs(ours - exact).max() < 0.1, "rounded, for any size of the batch"
