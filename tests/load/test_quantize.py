"""int8 on the user's own photos: the packaged model, real photos, the real NNCF."""

from itertools import islice
from pathlib import Path

import pytest

from scripts.checks.agreement import views
from worker import quantize
from worker.agreement import Tally
from worker.imaging.preprocess import preprocess
from worker.inference import load_runtime
from worker.inference.quantization import TRIED
from worker.models.selection import ModelUnavailable, resolve
from worker.settings import WorkerSettings

PHOTOS = 48


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Views of scikit-image's photos, in folders of their own, and something that is no photo."""
    for number, view in enumerate(islice(views(), PHOTOS)):
        file = tmp_path / "photos" / f"day {number % 3}" / f"{number:03}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(view.data)
    (tmp_path / "photos" / "broken.png").write_bytes(b"no photo")
    return tmp_path / "photos"


# NNCF and what it is built on warn about each other
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.timeout(900)
def test_a_calibrated_model_is_served_and_mostly_agrees_with_fp32(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = WorkerSettings(
        model="efficientnet_lite0", model_cache=tmp_path / "cache", device="cpu", precision="int8"
    )
    spec = resolve(settings)
    with pytest.raises(ModelUnavailable, match="has none for these weights and versions: run"):
        load_runtime(spec, settings)
    told = quantize.quantize(folder, settings)
    assert "calibrated on 24 photos" in told
    for recipe in TRIED:
        assert f"recipe {recipe.name}: int8 against fp32, on 24 views: top 1 agrees on" in told
    assert "changed answers by fp32's margin: " in told
    assert "right" not in told, "the folders name no classes"
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
