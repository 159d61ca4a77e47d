"""Helpers for tests of the engines: photos of noise, model specs, expected errors."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from worker.models.selection import ModelSpec, ModelUnavailable
from worker.models.transforms import IMAGENET1K_V2
from worker.settings import WorkerSettings

CLASSES = 37
LABELS = tuple(f"class {n}" for n in range(CLASSES))
Pixels = NDArray[np.uint8]


def noise(count: int) -> Pixels:
    """Noise of different grain and colour: uint8, shape (count, 224, 224, 3)."""
    rng = np.random.default_rng(count)
    pictures = []
    for n in range(count):
        grain = 2 ** (n % 6)
        small = rng.integers(0, 256, (224 // grain, 224 // grain, 3), dtype=np.uint8)
        picture = np.kron(small, np.ones((grain, grain, 1), np.uint8)).astype(float)
        pictures.append(picture * rng.uniform(0.3, 1, 3))
    return np.stack(pictures).astype(np.uint8)


def of_file(path: Path, labels: tuple[str, ...] = LABELS) -> ModelSpec:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return ModelSpec("resnet50", path.name, path, digest, IMAGENET1K_V2, labels)


def settings(cache: Path, **values: Any) -> WorkerSettings:
    return WorkerSettings(**{"device": "cpu", "model_cache": cache} | values)


def told(action: Callable[[], object]) -> str:
    """The one-line text of the expected error."""
    with pytest.raises(ModelUnavailable) as caught:
        action()
    line = str(caught.value)
    assert "\n" not in line
    return line


def failing(error: Exception) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail
