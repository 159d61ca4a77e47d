"""int8 on the user's own photos: the packaged model, real photos, the real NNCF."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from scripts.agreement import views
from worker import quantize
from worker.agreement import Tally
from worker.inference import load_runtime, quantization
from worker.preprocessing import preprocess
from worker.registry import ModelUnavailable, resolve
from worker.settings import WorkerSettings

# NNCF and what it is built on warn about each other
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

PHOTOS = 48


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Views of scikit-image's photos, in folders of their own, and something that is no photo."""
    for number, view in enumerate(islice(views(), PHOTOS)):
        file = tmp_path / "photos" / str(number % 3) / f"{number:03}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(view.data)
    (tmp_path / "photos" / "broken.png").write_bytes(b"no photo")
    return tmp_path / "photos"


@pytest.fixture
def settings(tmp_path: Path) -> WorkerSettings:
    return WorkerSettings(
        model="efficientnet_lite0", model_cache=tmp_path / "cache", device="cpu", precision="int8"
    )


def test_a_calibrated_model_is_served_and_mostly_agrees_with_fp32(
    folder: Path, settings: WorkerSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = resolve(settings)
    with pytest.raises(ModelUnavailable, match="has none for these weights and versions: run"):
        load_runtime(spec, settings)
    told = quantize.quantize(folder, settings)
    assert "calibrated on 24 photos" in told
    assert "int8 against fp32, on 24 views: top 1 agrees on" in told
    assert "broken.png" in capsys.readouterr().err

    rounded = load_runtime(spec, settings)
    exact = load_runtime(spec, settings.model_copy(update={"precision": "fp32"}))
    assert (rounded.name, rounded.precision) == ("openvino", "int8")
    tally = Tally()
    for view in islice(views(), PHOTOS):
        photo = preprocess(view.data, spec.recipe, settings.max_pixels)[None]
        answer = rounded.predict(photo)[0]
        assert answer.sum() == pytest.approx(1, abs=1e-2)
        tally.add(answer, exact.predict(photo)[0])
    assert tally.top_1 >= 0.5 * PHOTOS, "of 1,000 classes"
    assert 0.001 < tally.furthest < 0.5, "int8 rounds, and does not guess"


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
    monkeypatch.setattr(quantization, "find_spec", lambda _: None)
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
    monkeypatch.setattr("sys.argv", ["quantize", str(folder / "0" / "none")])
    assert quantize.main() == 1
    error = capsys.readouterr().err
    assert "has 0 photos" in error
    assert error.count("\n") == 1


def test_photos_to_compare_on_are_others_than_those_to_calibrate_on() -> None:
    photos = [np.full((1, 1, 3), n % 251, np.uint8) for n in range(1_400)]
    calibrated, compared = quantize.split(photos)
    assert (len(calibrated), len(compared)) == (quantize.MOST_CALIBRATED, quantize.MOST_COMPARED)
    assert not {id(photo) for photo in calibrated} & {id(photo) for photo in compared}
