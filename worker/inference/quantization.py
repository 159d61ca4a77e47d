"""Quantizes the graph to int8, calibrated on photos, and keeps it in the cache."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from worker.inference.conversion import cache_key, checked, converted, core, save
from worker.models.cache import why_not_written, written_whole
from worker.models.selection import ModelSpec
from worker.models.weights import ModelUnavailable

QUANTIZE_COMMAND = "python -m worker.quantize PHOTOS/"
REQUIREMENTS = "worker/requirements-quantize.txt"
Graph: TypeAlias = ov.Model
_LAYERS = {"Convolution", "GroupConvolution", "MatMul"}


@dataclass(frozen=True)
class Recipe:
    """A way to quantize.

    Args:
        name: For `--recipe`.
        first: The number of layers from the input that stay in floating point. They have the
            most pixels and the least redundancy.
        last: The number of layers before the output that stay in floating point.
        sums: Whether the sums of the residual connections are in int8, too.
        widest: Whether an activation's range is the widest of all photos. Otherwise, it is the mean
            of the photos' ranges, and values beyond it are clipped.
        seven_bits: Which layers' weights have only seven bits, so that sums cannot overflow on
            processors without VNNI.
    """

    name: str
    first: int
    last: int
    sums: bool
    widest: bool
    seven_bits: Literal["first_layer_only", "disable"]


# The fastest first.
RECIPES = (
    Recipe("fast", first=0, last=0, sums=True, widest=False, seven_bits="first_layer_only"),
    Recipe("balanced", first=1, last=1, sums=False, widest=True, seven_bits="disable"),
    Recipe("exact", first=5, last=1, sums=False, widest=True, seven_bits="disable"),
)
# Without `--recipe`; "fast" changes too many answers.
TRIED = RECIPES[1:]


def quantized(spec: ModelSpec, cache: Path) -> ov.Model:
    """The model's graph in int8: uint8 (n, crop, crop, 3) → probabilities (n, classes).

    Raises:
        ModelUnavailable: The model is not calibrated, or its file cannot be read.
    """
    file = folder(spec, cache) / "model.xml"
    if not file.exists():
        raise ModelUnavailable(
            f"PRECISION=int8 needs a model that was calibrated on your photos, and MODEL_CACHE="
            f"{cache} has none for these weights and versions: run `{QUANTIZE_COMMAND}` with the "
            "same settings"
        )
    try:
        return checked(core().read_model(file), spec)
    except RuntimeError as error:
        raise ModelUnavailable(
            f"the calibrated model in {file.parent} cannot be read: run `{QUANTIZE_COMMAND}` again"
        ) from error


def calibrate(
    spec: ModelSpec, cache: Path, photos: Sequence[NDArray[np.uint8]], recipe: Recipe
) -> ov.Model:
    """The model's graph in int8, which is not yet kept.

    Args:
        spec: The model; it is first converted to fp32 if necessary.
        cache: The folder of all graphs.
        photos: Photos for measuring the ranges of the activations, each uint8 (crop, crop, 3).
        recipe: How to quantize.

    Raises:
        ModelUnavailable: NNCF is missing, or the weights do not match.
    """
    if find_spec("nncf") is None:
        raise ModelUnavailable(f"NNCF is not installed: run `pip install -r {REQUIREMENTS}`")
    return rounded(converted(spec, cache), photos, recipe)


def rounded(graph: ov.Model, photos: Sequence[NDArray[np.uint8]], recipe: Recipe) -> ov.Model:
    """A graph in int8, except for the layers that the recipe leaves in floating point.

    Args:
        graph: uint8 (n, crop, crop, 3) → probabilities (n, classes), in fp32.
        photos: Photos for measuring the ranges of the activations, each uint8 (crop, crop, 3).
        recipe: How to quantize.
    """
    import nncf  # noqa: PLC0415 - a worker that serves never loads it
    from nncf.quantization import advanced_parameters as nncf_advanced  # noqa: PLC0415
    from nncf.quantization.range_estimator import (  # noqa: PLC0415
        RangeEstimatorParameters,
        RangeEstimatorParametersSet,
    )

    nncf.set_log_level(logging.WARNING)  # it prints a line for each layer that is left out
    layers = [op for op in graph.get_ordered_ops() if op.get_type_name() in _LAYERS]
    floats = layers[: recipe.first] + layers[len(layers) - recipe.last :]
    return nncf.quantize(
        graph,
        nncf.Dataset([photo[None] for photo in photos]),
        # Activation ranges are symmetric around zero only without a ReLU: the most precise preset.
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(photos),
        ignored_scope=nncf.IgnoredScope(
            names=[layer.get_friendly_name() for layer in floats],
            types=[] if recipe.sums else ["Add"],
            validate=False,  # a model may have no sums
        ),
        advanced_parameters=nncf_advanced.AdvancedQuantizationParameters(
            overflow_fix=nncf_advanced.OverflowFix(recipe.seven_bits),
            activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX
            if recipe.widest
            else RangeEstimatorParameters(),
        ),
    )


def keep(graph: ov.Model, spec: ModelSpec, cache: Path) -> Path:
    """Write the int8 graph in place of an earlier graph, which is kept if writing fails.

    Returns:
        The folder of the graph.

    Raises:
        ModelUnavailable: The cache cannot be written.
    """
    place = folder(spec, cache)
    try:
        with written_whole(place, replace=True) as scratch:
            save(graph, scratch)
    except OSError as error:
        raise ModelUnavailable(why_not_written(cache, error)) from error
    return place


def folder(spec: ModelSpec, cache: Path) -> Path:
    """The folder of the int8 graph of these weights."""
    return cache / "openvino" / f"{cache_key(spec)}-int8"
