"""The temperature: what it changes, what it never changes, and how it is kept."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.messages import Calibration
from worker.models import calibration
from worker.models.selection import ModelSpec, ModelUnavailable, resolve
from worker.models.transforms import IMAGENET1K_V1
from worker.processing.predictions import Labeller
from worker.settings import WorkerSettings

FOUND = Calibration(temperature=0.5, error_before=0.3, error_after=0.1, photos=50)


def photos(count: int, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of a model whose logits are too large by a factor, and the true classes."""
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(count, 20)) * 2
    honest = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    classes = np.array([generator.choice(20, p=row) for row in honest])
    return calibration.scaled(honest, 1 / temperature).astype(np.float32), classes


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_the_temperature_that_was_wrong_is_found(temperature: float) -> None:
    probabilities, classes = photos(2_000, temperature)
    found = calibration.fit(probabilities, classes)
    assert found == pytest.approx(temperature, rel=0.1)
    before = calibration.calibration_error(probabilities, classes)
    after = calibration.calibration_error(calibration.scaled(probabilities, found), classes)
    assert after < 0.05
    assert (after < before / 2) is (temperature != 1.0)


def test_the_error_is_the_distance_from_how_often_the_first_class_is_right() -> None:
    """Four photos at 0.9 of which one is right, and six at 0.6 of which three are."""
    rows = np.array([[0.9, 0.1]] * 4 + [[0.6, 0.4]] * 6, np.float32)
    classes = np.array([0, 1, 1, 1, 0, 0, 0, 1, 1, 1])
    error = calibration.calibration_error(rows, classes)
    assert error == pytest.approx(0.4 * (0.9 - 0.25) + 0.6 * (0.6 - 0.5))
    # without bins the two would partly cancel out
    assert calibration.calibration_error(np.array([[1.0, 0.0]] * 2), np.array([0, 1])) == 0.5


@given(
    st.lists(st.floats(-40, 40, width=32), min_size=2, max_size=20),
    st.floats(0.05, 20),
)
def test_the_order_of_classes_never_changes(logits: list[float], temperature: float) -> None:
    shares = np.exp(np.array(logits) - max(logits))
    probabilities = (shares / shares.sum()).astype(np.float32)
    labels = tuple(f"class {at}" for at in range(len(logits)))
    plain, other = Labeller(labels), Labeller(labels, temperature=temperature)
    own, shown = plain.confidences(probabilities), other.confidences(probabilities)
    assert shown.sum() == pytest.approx(1, abs=1e-4)
    found = other.predictions(probabilities, shown, 20)
    assert [one.class_index for one in found] == [
        one.class_index for one in plain.predictions(probabilities, own, 20)
    ]
    assert [one.confidence for one in found] == sorted(shown, reverse=True)


@pytest.fixture
def spec() -> ModelSpec:
    return resolve(WorkerSettings(model="efficientnet_lite0"))


def test_a_calibration_is_read_again_and_replaced(spec: ModelSpec, tmp_path: Path) -> None:
    calibration.keep(spec, FOUND, tmp_path)
    assert calibration.load(spec, tmp_path) == FOUND
    other = FOUND.model_copy(update={"temperature": 0.7})
    calibration.keep(spec, other, tmp_path)
    assert calibration.load(spec, tmp_path) == other


def test_other_weights_or_another_transform_have_another_calibration(
    spec: ModelSpec, tmp_path: Path
) -> None:
    calibration.keep(spec, FOUND, tmp_path)
    nearly = spec.sha256[:12] + "0" * 52
    for other in (
        replace(spec, sha256="0" * 64),
        replace(spec, sha256=nearly),
        replace(spec, recipe=IMAGENET1K_V1),
    ):
        with pytest.raises(ModelUnavailable, match="CALIBRATED=1 needs"):
            calibration.load(other, tmp_path)


@pytest.mark.parametrize("content", [None, "", "{", '{"sha256": "x"}', b"\xff"])
def test_a_calibration_that_cannot_be_used_names_the_command(
    spec: ModelSpec, tmp_path: Path, content: str | bytes | None
) -> None:
    if content is not None:
        place = calibration.keep(spec, FOUND, tmp_path) / "temperature.json"
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ModelUnavailable, match=r"python -m worker\.calibrate LABELLED/"):
        calibration.load(spec, tmp_path)


def test_a_cache_that_cannot_be_written_is_named(spec: ModelSpec, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(ModelUnavailable, match="MODEL_CACHE="):
        calibration.keep(spec, FOUND, tmp_path / "cache")
