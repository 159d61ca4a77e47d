"""When int8 is refused, and which photos it is calibrated on; the calibration is in tests/load."""

import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.photos import jpeg
from worker import quantize
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
