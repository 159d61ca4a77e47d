"""One temperature for a model's confidences.

Guo et al., "On Calibration of Modern Neural Networks", ICML 2017: dividing the logits
by a temperature changes how sure the model is, never the order of its classes.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.messages import Calibration
from worker.models.cache import why_not_written, written_whole
from worker.models.selection import ModelSpec
from worker.models.weights import ModelUnavailable

CALIBRATE_COMMAND = "python -m worker.calibrate LABELLED/"
# Bins of equal width, as in the paper.
BINS = 15
# In steps of 0.3 %, which is less than one photo more or fewer changes.
_TRIED = np.geomspace(0.05, 20, 2_000)
_FILE = "temperature.json"
# The logarithm of a probability that fp32 rounds to 0.
_LEAST = float(np.finfo(np.float32).tiny)

Probabilities = NDArray[np.float64]


class KeptCalibration(BaseModel):
    """The file beside the model."""

    model_config = ConfigDict(frozen=True)

    sha256: str
    calibration: Calibration = Field(description="what `GET /model` reports")


def scaled(probabilities: NDArray[np.floating], temperature: float) -> Probabilities:
    """The probabilities after their logits are divided by a temperature.

    Args:
        probabilities: Shape (..., classes).
        temperature: Above 1 less sure, below 1 surer.

    Returns:
        float64 of the same shape; each row sums to 1, in the same order of classes.
    """
    # logits and logarithms of probabilities differ by a constant, which the softmax removes
    logits = np.log(np.maximum(probabilities, _LEAST, dtype=np.float64)) / temperature
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    total: Probabilities = shares / shares.sum(axis=-1, keepdims=True)
    return total


def fit(probabilities: NDArray[np.float32], classes: NDArray[np.int64]) -> float:
    """The temperature under which the photos' own classes are most probable together.

    Args:
        probabilities: float32 of shape (photos, classes).
        classes: The class of each photo, int64 of shape (photos,).
    """
    logits = np.log(np.maximum(probabilities, _LEAST, dtype=np.float64))
    logits -= logits.max(axis=1, keepdims=True)
    own = logits[np.arange(len(classes)), classes].mean()

    def loss(temperature: float) -> float:
        """Mean negative logarithm of the probability of a photo's own class."""
        return float(np.log(np.exp(logits / temperature).sum(axis=1)).mean() - own / temperature)

    # the loss has one minimum, so halving the range finds it
    low, high = 0, len(_TRIED) - 1
    while low < high:
        middle = (low + high) // 2
        if loss(_TRIED[middle]) <= loss(_TRIED[middle + 1]):
            high = middle
        else:
            low = middle + 1
    return float(_TRIED[low])


def calibration_error(probabilities: NDArray[np.floating], classes: NDArray[np.int64]) -> float:
    """Expected calibration error: how far confidences are from how often they are right.

    Args:
        probabilities: Shape (photos, classes).
        classes: The class of each photo, int64 of shape (photos,).

    Returns:
        0 to 1. For each bin of first confidences, the difference between their mean and the share
        of photos whose first class is right; the mean over all photos.
    """
    first = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1).astype(np.float64)
    gaps = confidence - (first == classes)
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return float(np.abs(np.bincount(bins, gaps, BINS)).sum() / len(classes))


def keep(spec: ModelSpec, calibration: Calibration, cache: Path) -> Path:
    """Write a calibration in place of an earlier one.

    Returns:
        Its folder.

    Raises:
        ModelUnavailable: The cache cannot be written.
    """
    place = folder(spec, cache)
    kept = KeptCalibration(sha256=spec.sha256, calibration=calibration)
    try:
        with written_whole(place, replace=True) as scratch:
            (scratch / _FILE).write_text(kept.model_dump_json() + "\n")
    except OSError as error:
        raise ModelUnavailable(why_not_written(cache, error)) from error
    return place


def load(spec: ModelSpec, cache: Path) -> Calibration:
    """The calibration of these weights.

    Raises:
        ModelUnavailable: They have no calibration, or its file cannot be read.
    """
    file = folder(spec, cache) / _FILE
    try:
        kept = KeptCalibration.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        reason = f"MODEL_CACHE={cache} has none for these weights"
    except (OSError, ValidationError):
        reason = f"{file} cannot be read"
    else:
        if kept.sha256 == spec.sha256:
            return kept.calibration
        reason = f"{file} belongs to other weights"
    raise ModelUnavailable(
        f"CALIBRATED=1 needs a calibration on labelled photos, and {reason}: run "
        f"`{CALIBRATE_COMMAND}` with the same settings, or unset CALIBRATED"
    )


def folder(spec: ModelSpec, cache: Path) -> Path:
    """The folder of the calibration of these weights with their transform."""
    return cache / "calibration" / f"{spec.name}-{spec.sha256[:12]}-{spec.recipe.name}"
