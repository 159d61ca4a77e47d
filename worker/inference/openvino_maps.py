"""Class activation maps from an OpenVINO graph that is cut after its last convolution."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from worker.inference.runtime import activation_maps

# Nodes between the average and the linear layer that do not change the values' meaning.
_PASSED = {"Reshape", "Squeeze", "FakeQuantize", "Convert"}


@dataclass(frozen=True)
class Head:
    """The end of a graph: features, their average over the photo, one linear layer."""

    features: ov.Output
    linear: ov.Node


def head_of(graph: ov.Model) -> Head | None:
    """The graph's end, or ``None`` if the graph ends in other layers."""
    node = graph.get_results()[0].input_value(0).get_node()
    while node.get_type_name() in {"Softmax", "Add"}:
        node = node.input_value(0).get_node()
    linear = node
    if linear.get_type_name() != "MatMul" or not _has_a_row_per_class(linear):
        return None
    node = linear.input_value(0).get_node()
    while node.get_type_name() in _PASSED:
        node = node.input_value(0).get_node()
    return Head(node.input_value(0), linear) if _averages_the_photo(node) else None


def _has_a_row_per_class(linear: ov.Node) -> bool:
    how = linear.get_attributes()
    return bool(how["transpose_b"]) and not how["transpose_a"]


def _averages_the_photo(node: ov.Node) -> bool:
    """Whether the node averages each channel over all places, with equal weights."""
    if node.get_type_name() == "ReduceMean":
        axes = node.input_value(1).get_node()
        rank = len(node.input_value(0).get_partial_shape())
        return (
            axes.get_type_name() == "Constant"
            and rank == 4
            and sorted(int(axis) % rank for axis in axes.get_data().ravel()) == [2, 3]
        )
    if node.get_type_name() == "AvgPool":
        how = node.get_attributes()
        places = [size.to_string() for size in node.input_value(0).get_partial_shape()][2:]
        whole = [str(size) for size in how["kernel"]] == places
        return whole and not any([*how["pads_begin"], *how["pads_end"]])
    return False


class Mapper:
    """A graph compiled for activation maps, in fp32 whatever the precision of the predictions is.

    Args:
        compiled: Compiles a graph, for one call at a time.
        graph: The converted graph, not a quantized one.

    Raises:
        ValueError: The graph does not end in an average and one linear layer.
    """

    def __init__(self, compiled: Callable[[ov.Model], ov.CompiledModel], graph: ov.Model) -> None:
        head = head_of(graph)
        if head is None:
            raise ValueError("the model does not end in an average and one linear layer")
        self._weights: NDArray[np.float32] = np.array(
            head.linear.input_value(1).get_node().get_data(), np.float32
        )
        cut = ov.Model([head.features], graph.get_parameters(), "features")
        self._request = compiled(cut).create_infer_request()

    def maps(self, photo: NDArray[np.uint8], classes: Sequence[int]) -> NDArray[np.float32]:
        """See `Runtime.explain`; one call at a time."""
        self._request.infer({0: photo[None]}, share_inputs=True)
        features = self._request.get_output_tensor(0).data[0]
        return activation_maps(features, self._weights[list(classes)])
