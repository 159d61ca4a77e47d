"""Probabilities become predictions: ids, rounding, the least confidence, the order."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.messages import ItemResult
from tests.unit.worker.processing.conftest import KEY, Played, photo
from worker.processing.predictions import Labeller, imagenet

THREE = Labeller(("a", "b", "c"))
CATS = {281: 0.39, 282: 0.34, 285: 0.18, 849: 0.09}


def photo_of(shares: dict[int, float]) -> np.ndarray:
    probabilities = np.zeros(1000, np.float32)
    for index, share in shares.items():
        probabilities[index] = share
    return probabilities


def test_classes_of_imagenet_have_their_ids_and_a_concept() -> None:
    labeller = Labeller(tuple(f"class {at}" for at in range(1000)), imagenet())
    probabilities = photo_of(CATS)
    confidences = labeller.confidences(probabilities)
    found = labeller.predictions(probabilities, confidences, 3)
    assert [one.wnid for one in found] == ["n02123045", "n02123159", "n02124075"]
    assert [one.confidence for one in found] == [0.39, 0.34, 0.18]
    concept = labeller.concept(confidences)
    assert concept is not None
    assert (concept.label, concept.wnid, concept.confidence) == ("domestic cat", "n02121808", 0.91)


def test_labels_of_the_users_own_have_neither_id_nor_concept(played: Played) -> None:
    played.run()
    [result] = played.record.results
    text = json.loads(result.model_dump_json(exclude_none=True))
    assert list(text) == ["predictions", "model", "timing_ms"]
    assert set(text["predictions"][0]) == {"label", "class_index", "confidence"}


@pytest.mark.parametrize(
    ("least", "labels"),
    [(0, ["b", "a"]), (0.2, ["b", "a"]), (0.200001, ["b"]), (0.7, ["b"]), (0.75, []), (1, [])],
)
def test_the_least_confidence_is_compared_with_what_is_shown(
    played: Played, least: float, labels: list[str]
) -> None:
    """The model answers 0.7 and 0.2 in fp32, which lie below and above what is shown."""
    played.record.min_confidence = least
    played.run()
    [result] = played.record.results
    assert result.error is None
    assert result.predictions is not None
    assert [one.label for one in result.predictions] == labels


def test_no_map_is_computed_for_a_class_that_is_left_out(played: Played) -> None:
    played.record.explain, played.record.min_confidence = True, 0.5
    asked: list[int] = []
    explain = played.runtime.explain

    def remember(photo: np.ndarray, classes: list[int]) -> np.ndarray:
        asked.extend(classes)
        return explain(photo, classes)

    played.runtime.explain = remember  # type: ignore[method-assign]
    played.run()
    [result] = played.record.results
    assert result.predictions is not None
    assert [(one.label, one.heatmap is None) for one in result.predictions] == [("b", False)]
    played.record.min_confidence = 0.9
    played.store.put(KEY, photo())
    played.run()
    assert played.record.results[1].predictions == []
    assert asked == [1]


def test_a_model_without_maps_says_so_also_when_no_class_is_left(played: Played) -> None:
    played.runtime.explains = False  # type: ignore[misc]
    played.record.explain, played.record.min_confidence = True, 1.0
    played.run()
    assert played.end() == "invalid_parameter"


def test_equal_classes_are_in_class_order_and_confidences_stay_within_bounds() -> None:
    probabilities = np.array([0.25, 1.0000001, 0.25], np.float32)
    confidences = THREE.confidences(probabilities)
    found = THREE.predictions(probabilities, confidences, 10)
    assert [(one.label, one.confidence) for one in found] == [("b", 1), ("a", 0.25), ("c", 0.25)]


def test_a_result_of_another_release_is_read() -> None:
    """Of an older worker, without the new fields, and of a newer one, with unknown fields."""
    older = {
        "predictions": [{"label": "tabby", "class_index": 281, "confidence": 0.5}],
        "model": {"name": "m", "weights": "w", "sha256": "", "device": "d", "precision": "p"},
        "timing_ms": {"queued": 1, "decode": 1, "inference": 1, "total": 1},
    }
    result = ItemResult.model_validate_json(json.dumps(older))
    assert result.concept is None
    assert json.loads(result.model_dump_json(exclude_none=True)) == older
    newer = {**older, "concept": {"label": "cat", "wnid": "n02121620", "confidence": 0.9, "x": 1}}
    assert ItemResult.model_validate_json(json.dumps({**newer, "x": 1})).concept is not None


def test_a_temperature_changes_the_concept_as_it_changes_what_is_shown() -> None:
    """At 0.5 the model is surer: 0.68 and 0.32 become 0.82 and 0.18."""
    labels = tuple(f"class {at}" for at in range(1000))
    probabilities = photo_of({281: 0.68, 849: 0.32})
    plain, surer = Labeller(labels, imagenet()), Labeller(labels, imagenet(), temperature=0.5)
    assert plain.concept(plain.confidences(probabilities)) is None
    confidences = surer.confidences(probabilities)
    concept = surer.concept(confidences)
    assert concept is not None
    assert concept.confidence == confidences[281] == 0.818697


@pytest.mark.parametrize(
    ("temperature", "probability", "least", "kept"),
    [
        (None, 0.4999997, 0.5, True),  # shown as 0.5
        (None, 0.5000003, 0.5000002, False),  # the same
        (0.5, 0.68, 0.8, True),
        (2.0, 0.68, 0.6, False),
    ],
)
def test_the_least_confidence_is_compared_after_rounding_and_calibration(
    temperature: float | None, probability: float, least: float, kept: bool
) -> None:
    labeller = Labeller(("a", "b"), temperature=temperature)
    probabilities = np.array([probability, 1 - probability], np.float32)
    found = labeller.predictions(probabilities, labeller.confidences(probabilities), 2, least)
    assert ("a" in [one.label for one in found]) is kept


@given(
    st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0]), min_size=1, max_size=30),
    st.integers(1, 40),
)
def test_the_classes_are_the_first_of_all_sorted(shares: list[float], top_k: int) -> None:
    labeller = Labeller(tuple(f"class {at}" for at in range(len(shares))))
    probabilities = np.array(shares, np.float32)
    found = labeller.predictions(probabilities, labeller.confidences(probabilities), top_k)
    expected = sorted(range(len(shares)), key=lambda at: -shares[at])[:top_k]
    assert [one.class_index for one in found] == expected
