"""What was hashed is what is served: files that change while they are loaded, or afterwards."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision import models

from tests.support.networks import noise, of_file, settings, told
from worker.inference import load_runtime
from worker.models.selection import ModelSpec

# torch warns about itself
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

Change = Callable[[Path, Path], None]


def copied_over(new: Path, path: Path) -> None:
    shutil.copyfile(new, path)


def renamed_over(new: Path, path: Path) -> None:
    new.replace(path)


def appended(_: Path, path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"\0")


@pytest.fixture
def chosen(network: models.ResNet, tmp_path: Path) -> tuple[ModelSpec, Path]:
    """A file of weights as it was when it was chosen, and another one."""
    path, new = tmp_path / "mine.pth", tmp_path / "new.pth"
    state = network.state_dict()
    torch.save(state, path)
    torch.save({**state, "fc.weight": -state["fc.weight"]}, new)
    return of_file(path), new


@pytest.mark.parametrize("engine", ["torch", "openvino"])
@pytest.mark.parametrize("change", [copied_over, renamed_over, appended])
def test_a_file_that_is_replaced_while_it_is_loaded_ends_the_start(
    change: Change, engine: str, chosen: tuple[ModelSpec, Path], tmp_path: Path
) -> None:
    spec, new = chosen
    change(new, spec.weights_path)
    cache = tmp_path / "cache"
    line = told(lambda: load_runtime(spec, settings(cache, runtime=engine)))
    assert line == f"{spec.weights_path} was replaced while the model was loaded: start again"
    assert not list(cache.rglob("model.xml")), "nothing is kept under another file's hash"


def test_a_file_that_is_deleted_while_it_is_loaded_ends_the_start(
    chosen: tuple[ModelSpec, Path], tmp_path: Path
) -> None:
    spec, _ = chosen
    spec.weights_path.unlink()
    line = told(lambda: load_runtime(spec, settings(tmp_path, runtime="torch")))
    assert "mine.pth cannot be read (No such file or directory)" in line


def test_maps_are_of_the_loaded_weights_whatever_happens_to_file_and_cache(
    chosen: tuple[ModelSpec, Path], tmp_path: Path
) -> None:
    spec, new = chosen
    cache = tmp_path / "cache"
    chosen_settings = settings(cache, runtime="openvino", precision="fp32")
    load_runtime(spec, chosen_settings)
    photo, classes = noise(1)[0], [3, 0]
    expected = load_runtime(spec, chosen_settings).explain(photo, classes)
    runtime = load_runtime(spec, chosen_settings)
    shutil.rmtree(cache)
    copied_over(new, spec.weights_path)
    maps = runtime.explain(photo, classes)
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(maps, expected, atol=1e-4)


def test_a_kept_graph_belongs_to_the_hash_of_its_weights(
    chosen: tuple[ModelSpec, Path], tmp_path: Path
) -> None:
    spec, new = chosen
    chosen_settings = settings(tmp_path / "cache", runtime="openvino", precision="fp32")
    first = load_runtime(spec, chosen_settings).predict(noise(1))
    copied_over(new, spec.weights_path)
    other = load_runtime(of_file(spec.weights_path), chosen_settings).predict(noise(1))
    again = load_runtime(replace(spec, weights="renamed.pth"), chosen_settings).predict(noise(1))
    assert np.abs(first - other).max() > 1e-3
    assert np.abs(first - again).max() < 1e-6
