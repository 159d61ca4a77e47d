"""What does not fit is told in one line."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torchvision import models

from tests.support.networks import CLASSES, LABELS, of_file, settings, told
from worker.inference import load_runtime
from worker.inference.architectures import build
from worker.inference.runtime import Runtime
from worker.models.catalog import ModelSpec

# torch and OpenVINO warn about themselves, and the weights' package about its age
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

ENGINES = ["torch", "openvino"]


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
