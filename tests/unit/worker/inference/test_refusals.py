"""Settings and labels that do not fit end the start with one line."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.networks import CLASSES, LABELS, settings, told
from worker.inference import load_runtime
from worker.inference.runtime import Runtime
from worker.models.selection import ModelSpec

# torch and OpenVINO warn about themselves, and the weights' package about its age
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

ENGINES = ["torch", "openvino"]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_different_number_of_labels_is_refused(
    engine: str, spec: ModelSpec, load: Callable[..., Runtime]
) -> None:
    load(engine)  # also when the graph is kept
    line = told(lambda: load(engine, of=replace(spec, labels=LABELS[:-1])))
    assert f"{CLASSES} classes and there are {CLASSES - 1} labels: set MODEL_LABELS" in line


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
