"""When int8 is refused, which photos and processors calibrate it, and which recipe is kept.

The calibration itself is in tests/load.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.photos import jpeg
from worker import quantize
from worker.agreement import Tally
from worker.inference import load_runtime, quantization
from worker.models.selection import ModelUnavailable, resolve
from worker.settings import WorkerSettings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As many copies of one photo as calibration asks for."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(quantize.LEAST):
        (folder / f"{number}.jpg").write_bytes(jpeg())
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> WorkerSettings:
    return WorkerSettings(
        model="efficientnet_lite0", model_cache=tmp_path / "cache", device="cpu", precision="int8"
    )


def test_a_calibrated_model_belongs_to_its_weights_alone(
    folder: Path, settings: WorkerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = resolve(settings)
    cache = settings.model_cache
    folders = {
        quantization.folder(of, cache)
        for of in (spec, resolve(settings), type(spec)(**{**vars(spec), "sha256": "0" * 64}))
    }
    assert len(folders) == 2
    (quantization.folder(spec, cache)).mkdir(parents=True)
    (quantization.folder(spec, cache) / "model.xml").write_text("<half")
    with pytest.raises(ModelUnavailable, match="cannot be read: run"):
        load_runtime(spec, settings)
    monkeypatch.setitem(sys.modules, "nncf", None)
    with pytest.raises(ModelUnavailable, match=r"pip install -r worker/requirements-quantize\.txt"):
        quantize.quantize(folder, settings)


def test_too_few_photos_are_refused_in_one_line(
    folder: Path,
    settings: WorkerSettings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MODEL", "efficientnet_lite0")
    monkeypatch.setenv("MODEL_CACHE", str(settings.model_cache))
    assert quantize.main([str(folder / "0" / "none")]) == 1
    error = capsys.readouterr().err
    assert "has 0 photos" in error
    assert error.count("\n") == 1


def test_photos_to_compare_on_are_others_than_those_to_calibrate_on() -> None:
    photos = [np.full((1, 1, 3), n % 251, np.uint8) for n in range(1_400)]
    calibrated, compared = quantize.split(photos)
    assert (len(calibrated), len(compared)) == (quantize.MOST_CALIBRATED, quantize.MOST_COMPARED)
    assert not {id(photo) for photo in calibrated} & {id(photo) for photo in compared}


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        ("n02123045/{}.jpg", {281}),
        ("281/{}.jpg", {281}),
        ("n02123045_{}.jpg", {281}),
        ("holiday/{}.jpg", {None}),
        ("{}.jpg", {None}),
    ],
)
def test_a_photo_has_the_class_that_its_folder_names(
    names: str, labels: set[int | None], settings: WorkerSettings, tmp_path: Path
) -> None:
    for number in range(quantize.LEAST):
        file = tmp_path / "photos" / names.format(number)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(jpeg())
    photos = quantize.read(tmp_path / "photos", resolve(settings), settings.max_pixels)
    assert {photo.label for photo in photos} == labels


def test_right_answers_are_counted_only_if_every_photo_has_a_class() -> None:
    pixels = np.zeros((1, 1, 3), np.uint8)
    photos = [quantize.Photo(pixels, 0), quantize.Photo(pixels, 1)]
    first, second = np.array([0.9, 0.1], np.float32), np.array([0.1, 0.9], np.float32)
    line = quantize.right(photos, [first, first], [first, second])
    assert "50.0%; fp32: 100.0%" in line
    unnamed = quantize.Photo(pixels, None)
    line = quantize.right([*photos, unnamed], [first] * 3, [first] * 3)
    assert "not checked: 1 of 3 photos are in folders that name no class" in line
    assert quantize.right([unnamed], [first], [first]) == ""


def trial(recipe: quantization.Recipe, changed: list[int]) -> quantize.Trial:
    """What a recipe changed of 1,000 views, by margin."""
    tally = Tally(1_000, 1_000 - sum(changed), by_margin=[100, 100, 800], changed=changed)
    return quantize.Trial(recipe, None, tally, "", 1.0)


@pytest.mark.parametrize(
    ("fast", "slow", "kept"),
    [
        ([5, 4, 0], [0, 0, 0], 0),  # both are trusted: the faster
        ([9, 2, 0], [9, 1, 0], 1),  # less than 99 %
        ([0, 0, 1], [5, 4, 0], 1),  # a sure answer changed
        ([20, 0, 0], [15, 5, 0], 0),  # neither, and none is better
        ([20, 0, 0], [15, 3, 1], 1),  # neither: the one that agrees more
    ],
)
def test_the_fastest_trusted_recipe_is_kept(fast: list[int], slow: list[int], kept: int) -> None:
    trials = [trial(recipe, n) for recipe, n in zip(quantization.TRIED, (fast, slow), strict=True)]
    assert quantize.best(trials) is trials[kept]


def test_the_recipe_of_the_option_is_the_only_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def names(_: Path, __: WorkerSettings, recipes: list[quantization.Recipe]) -> str:
        return " ".join(recipe.name for recipe in recipes)

    monkeypatch.setattr(quantize, "quantize", names)
    for arguments in ([], ["--recipe", "fast"]):
        assert quantize.main([str(folder), *arguments]) == 0
    assert capsys.readouterr().out.split("\n")[:2] == [
        " ".join(recipe.name for recipe in quantization.TRIED),
        "fast",
    ]


# Compiles a model as NNCF does: without any setting.
THREADS = """
import openvino as ov
from openvino import opset13 as ops
from worker import quantize

def threads(*_):
    data = ops.parameter([1])
    model = ov.Model([ops.relu(data)], [data])
    return str(ov.Core().compile_model(model, "CPU").get_property("INFERENCE_NUM_THREADS"))

quantize.cpu_quota, quantize.quantize = lambda: 1, threads
quantize.main(["."])
"""


def test_calibration_keeps_a_containers_limit() -> None:
    """In a process of its own, which has not yet asked for the number of processors."""
    done = subprocess.run(
        [sys.executable, "-c", THREADS], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout == "1\n"
