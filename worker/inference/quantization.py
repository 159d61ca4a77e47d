"""Quantizes the graph to int8, calibrated on photos, and keeps it in the cache."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from worker.inference.conversion import cache_key, checked, converted, save
from worker.models.cache import why_not_written, written_whole
from worker.models.selection import ModelSpec
from worker.models.weights import ModelUnavailable

QUANTIZE_COMMAND = "python -m worker.quantize PHOTOS/"
REQUIREMENTS = "worker/requirements-quantize.txt"


def quantized(core: ov.Core, spec: ModelSpec, cache: Path) -> ov.Model:
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
        return checked(core.read_model(file), spec)
    except RuntimeError as error:
        raise ModelUnavailable(
            f"the calibrated model in {file.parent} cannot be read: run `{QUANTIZE_COMMAND}` again"
        ) from error


def calibrate(spec: ModelSpec, cache: Path, photos: Sequence[NDArray[np.uint8]]) -> Path:
    """Quantize the model to int8 and keep it, in place of an earlier one.

    Args:
        spec: The model; it is first converted to fp32 if necessary.
        cache: The folder of all graphs.
        photos: Photos for measuring the ranges of the activations, each uint8 (crop, crop, 3).

    Returns:
        The folder of the graph.

    Raises:
        ModelUnavailable: NNCF is missing, the weights do not match, or the cache is not writable.
    """
    if find_spec("nncf") is None:
        raise ModelUnavailable(f"NNCF is not installed: run `pip install -r {REQUIREMENTS}`")
    import nncf  # noqa: PLC0415 - a worker that serves never loads it

    graph = nncf.quantize(
        converted(ov.Core(), spec, cache),
        nncf.Dataset([photo[None] for photo in photos]),
        # Activation ranges are symmetric around zero only without a ReLU: the most precise preset.
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(photos),
    )
    return keep(graph, spec, cache)


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
