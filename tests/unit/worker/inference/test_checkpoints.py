"""Files that training programs write are loaded; other files end the start with one line."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torchvision import models

from tests.support.networks import CLASSES, of_file, settings, told
from worker.inference import load_runtime
from worker.inference.architectures import build

# torch warns about itself
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

State = Mapping[str, torch.Tensor]
Wrap = Callable[[State], Any]


def prefixed(state: State, prefix: str) -> dict[str, torch.Tensor]:
    return {prefix + name: tensor for name, tensor in state.items()}


def without_counters(state: State) -> dict[str, torch.Tensor]:
    return {n: t for n, t in state.items() if not n.endswith("num_batches_tracked")}


WRITTEN: dict[str, Wrap] = {
    "state_dict with an optimizer": lambda state: {
        "epoch": 3,
        "state_dict": state,
        "optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]},
    },
    "model_state_dict": lambda state: {"model_state_dict": state, "loss": 0.5},
    "model beside its average": lambda state: {
        "model": state,
        "model_ema": {name: tensor * 0 for name, tensor in state.items()},
    },
    "an unknown wrapper": lambda state: {"student": OrderedDict(state), "step": 1},
    "DataParallel": lambda state: prefixed(state, "module."),
    "torch.compile": lambda state: prefixed(state, "_orig_mod."),
    "both": lambda state: prefixed(state, "module._orig_mod."),
    "Lightning, with the weights of its loss": lambda state: {
        "state_dict": prefixed(state, "model.") | {"criterion.weight": torch.ones(CLASSES)},
        "hyper_parameters": {"lr": 0.1},
        "pytorch-lightning_version": "2.5.0",
    },
    "a backbone with the head beside it": lambda state: {
        (name if name.startswith("fc.") else "backbone." + name): tensor
        for name, tensor in state.items()
    },
    "before batches were counted": without_counters,
}


def assert_loaded(path: Path, state: State) -> None:
    """The network in the file has all of these weights, bit for bit."""
    loaded = build(of_file(path)).network.state_dict()
    wanted = without_counters(state)
    assert without_counters(loaded).keys() == wanted.keys()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in wanted.items())


@pytest.mark.parametrize("wrap", WRITTEN.values(), ids=WRITTEN)
def test_what_training_programs_write_is_loaded(
    wrap: Wrap, network: models.ResNet, tmp_path: Path
) -> None:
    path = tmp_path / "checkpoint.pth"
    torch.save(wrap(network.state_dict()), path)
    assert_loaded(path, network.state_dict())


def test_prefixes_are_removed_from_safetensors_too(network: models.ResNet, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_file(prefixed(network.state_dict(), "model."), path)
    assert_loaded(path, network.state_dict())


class Anything:
    """A class that no safe reader knows."""


PAGE = b"\n<!DOCTYPE html><html><head><title>Sign in</title></head></html>"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 102530333\n"
OTHER_HEAD = {"head.weight": torch.zeros(5, 4), "conv1.weight": torch.zeros(1)}


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("random.pth", b"x" * 5000, "not a file of weights that can be loaded safely"),
        ("random.safetensors", b"x" * 5000, "is truncated or damaged"),
        ("empty.pth", b"", "is empty: download or copy it again"),
        ("empty.safetensors", b"", "is empty: download or copy it again"),
        ("page.pth", PAGE, "is a web page or an error message of a server"),
        ("page.safetensors", b"<?xml version='1.0'?><Error/>", "is a web page or an error message"),
        ("pointer.pth", POINTER, "is a pointer of Git LFS, not weights: run `git lfs pull`"),
        ("code.pth", Anything(), "holds "),
        ("settings.pth", {"state_dict": {}, "args": Anything()}, "Anything, not only weights"),
        ("number.pth", 5, "found int"),
        ("checkpoint.pth", {"epoch": 3, "model": {}}, "found epoch, model; save it with"),
        ("list.pth", [torch.zeros(3)], "found list"),
        ("no_tensors.pth", {}, "found nothing"),
        ("head.pth", OTHER_HEAD, "wanted the matrix fc.weight; found head.weight"),
        ("vector.pth", {"fc.weight": torch.zeros(5)}, "wanted the matrix fc.weight"),
    ],
)
def test_files_that_hold_no_weights_are_refused_by_what_they_are(
    tmp_path: Path, name: str, content: object, line: str
) -> None:
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    refusal = told(lambda: build(of_file(path)))
    assert line in refusal
    assert str(path) in refusal


@pytest.mark.parametrize("name", ["whole.pth", "whole.safetensors"])
@pytest.mark.parametrize("kept", [0.5, 0.999])
def test_a_file_that_is_cut_off_is_told_as_one(
    network: models.ResNet, tmp_path: Path, name: str, kept: float
) -> None:
    path = tmp_path / name
    state = network.state_dict()
    save_file(state, path) if name.endswith("tensors") else torch.save(state, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    assert "is truncated or damaged" in told(lambda: build(of_file(path)))


@pytest.mark.parametrize(
    ("other", "line"),
    [
        (models.resnet18, "wanted layer1.0.conv3.weight"),
        (models.resnet101, "found layer3.6.conv1.weight"),
        (models.wide_resnet50_2, "size mismatch for layer1.0.conv1.weight"),
        (models.mobilenet_v3_small, "wanted the matrix fc.weight; found features.0.0.weight"),
    ],
)
def test_weights_of_another_architecture_are_refused(
    other: Callable[..., torch.nn.Module], line: str, tmp_path: Path
) -> None:
    with torch.device("meta"):  # only names and shapes matter: all numbers are one zero
        shapes = other(num_classes=CLASSES).state_dict()
    path = tmp_path / "other.pth"
    zero = torch.zeros(())
    torch.save({name: zero.expand(tensor.shape) for name, tensor in shapes.items()}, path)
    refusal = told(lambda: build(of_file(path)))
    assert "do not fit resnet50" in refusal
    assert line in refusal


@pytest.mark.parametrize(
    ("name", "value"),
    [("fc.bias", float("nan")), ("conv1.weight", float("inf")), ("bn1.running_var", -float("inf"))],
)
def test_weights_that_are_not_numbers_end_the_start(
    network: models.ResNet, tmp_path: Path, name: str, value: float
) -> None:
    path = tmp_path / "diverged.pth"
    state = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    state[name].view(-1)[0] = value
    torch.save(state, path)
    assert f"contain NaN or infinity in 1 tensors, first in {name}" in told(
        lambda: build(of_file(path))
    )


@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_numbers_that_answer_nan_end_the_start(
    engine: str, network: models.ResNet, tmp_path: Path
) -> None:
    path = tmp_path / "overflow.pth"
    state = network.state_dict()
    torch.save({**state, "fc.weight": state["fc.weight"] * 1e38}, path)
    chosen = settings(tmp_path / "cache", runtime=engine, precision="fp32")
    assert "returns NaN on cpu in fp32" in told(lambda: load_runtime(of_file(path), chosen))
