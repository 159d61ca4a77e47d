"""The command that calibrates: the names of classes, its report, and a worker that uses it."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.photos import jpeg
from worker import calibrate
from worker.cli import class_finder
from worker.lifecycle import describe, load_model
from worker.models import calibration
from worker.models.selection import ModelSpec, ModelUnavailable, resolve
from worker.monitoring.metrics import WorkerMetrics
from worker.processing.predictions import imagenet
from worker.settings import WorkerSettings

PHOTOS = 120


class UnsureRuntime:
    """As sure of each photo as of the others: of the right class, or only of every second."""

    name, device, precision, explains, concurrency = "unsure", "cpu", "fp32", False, 1

    def __init__(self, share: float, *, every_other_wrong: bool = False) -> None:
        self.share, self.turns, self.calls = share, 1 + every_other_wrong, 0

    def predict(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        rows = np.full((len(batch), 1000), (1 - self.share) / 999, np.float32)
        rows[:, (281, 0)[self.calls % self.turns]] = self.share
        self.calls += 1
        return rows


@pytest.fixture
def settings(tmp_path: Path) -> WorkerSettings:
    return WorkerSettings(
        model="efficientnet_lite0", model_cache=tmp_path / "cache", device="cpu", precision="fp32"
    )


@pytest.fixture
def spec(settings: WorkerSettings) -> ModelSpec:
    return resolve(settings)


def fill(folder: Path, *names: str) -> Path:
    """As many copies of one photo as are enough, spread over these names."""
    for number in range(PHOTOS):
        file = folder / names[number % len(names)].format(number)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(jpeg())
    return folder


NAMINGS = {
    "WordNet id": ["n02123045/{}.jpg"],
    "index": ["281/{}.JPEG"],
    "label": ["tabby/{}.jpeg"],
    "mixed": ["tabby/a/{}.jpg", "281/{}.jpg"],
    "in the file's name": ["n02123045_{}.jpg"],
}


@pytest.mark.parametrize("names", NAMINGS.values(), ids=NAMINGS)
def test_a_folder_is_named_by_id_index_or_label(
    tmp_path: Path, spec: ModelSpec, names: list[str]
) -> None:
    folder = fill(tmp_path / "labelled", *names)
    (folder / "notes.txt").write_text("no photo")
    found = calibrate.labelled(folder, spec)
    assert len(found) == PHOTOS
    assert {index for _, index in found} == {281}


def test_a_name_that_is_no_class_is_refused(tmp_path: Path, spec: ModelSpec) -> None:
    folder = fill(tmp_path / "labelled", "tabby/{}.jpg", "moggy/{}.jpg")
    with pytest.raises(ModelUnavailable, match="'moggy' is not a class of efficientnet_lite0"):
        calibrate.labelled(folder, spec)


def test_labels_of_the_users_own_are_names_and_ids_are_none(
    tmp_path: Path, settings: WorkerSettings
) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(["7", "cat", "cat", *(f"class {at}" for at in range(997))]))
    class_of = class_finder(resolve(settings.model_copy(update={"model_labels": labels})))
    assert (class_of("7"), class_of("8"), class_of("class 0")) == (0, 8, 3)
    assert (class_of("cat"), class_of(imagenet().wnids[0])) == (None, None)


def test_too_few_photos_are_refused(tmp_path: Path, spec: ModelSpec) -> None:
    (tmp_path / "labelled" / "tabby").mkdir(parents=True)
    with pytest.raises(ModelUnavailable, match=r"has 0 photos .* at least 100"):
        calibrate.labelled(tmp_path / "labelled", spec)


def test_an_unsure_model_becomes_surer_and_a_worker_serves_it(
    tmp_path: Path, settings: WorkerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fill(tmp_path / "labelled", "tabby/{}.jpg")
    (folder / "tabby" / "0.jpg").write_bytes(b"damaged")
    monkeypatch.setattr(calibrate, "load_runtime", lambda *_: UnsureRuntime(0.4))
    text = calibrate.calibrate(folder, settings)
    assert "on 59 other photos, of which 100.0% are classified right: 0.6000 before" in text
    assert "CALIBRATED=1" in text
    spec = resolve(settings)
    found = calibration.load(spec, settings.model_cache)
    assert found.temperature < 0.5
    assert found.error_after < 0.01
    assert found.photos == 59

    used = load_model(settings.model_copy(update={"calibrated": True}), WorkerMetrics())
    assert used.card.calibration == found
    unused = describe(spec, used.runtime)
    assert "calibration" not in unused.model_dump(mode="json")


def test_a_temperature_that_does_not_help_is_not_kept(
    tmp_path: Path,
    settings: WorkerSettings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Right on the half that chooses the temperature, and wrong on the half that judges it."""
    folder = fill(tmp_path / "labelled", "tabby/{}.jpg")
    monkeypatch.setenv("MODEL", "efficientnet_lite0")
    monkeypatch.setenv("MODEL_CACHE", str(settings.model_cache))
    monkeypatch.setattr(
        calibrate, "load_runtime", lambda *_: UnsureRuntime(0.5, every_other_wrong=True)
    )
    monkeypatch.setattr("sys.argv", ["calibrate", str(folder)])
    assert calibrate.main() == 1
    error = capsys.readouterr().err
    assert error.startswith("calibrate: temperature ")
    assert "does not help, so nothing is kept" in error
    assert not settings.model_cache.exists()


def test_a_worker_without_a_calibration_says_how_to_make_one(settings: WorkerSettings) -> None:
    with pytest.raises(ModelUnavailable) as refused:
        load_model(settings.model_copy(update={"calibrated": True}), WorkerMetrics())
    assert str(refused.value).startswith("CALIBRATED=1 needs a calibration on labelled photos")
    assert f"MODEL_CACHE={settings.model_cache} has none" in str(refused.value)
