"""The table of ImageNet's ids and concepts, and the concept of a photo."""

import re
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.models.selection import resolve
from worker.processing.predictions import ConceptTable, imagenet
from worker.settings import WorkerSettings

TABBY, TIGER_CAT, EGYPTIAN_CAT, LYNX, GOLDEN, TEAPOT = 281, 282, 285, 287, 207, 849

# Of imagenet_synsets.txt in the wheel of timm 1.0.31, its lines joined by line feeds.
SHA256_OF_TIMM = "385e0240499426c022b773be1ae4da780f057b89c9694c7f47199f62746b6edd"


def shown(**shares: float) -> np.ndarray:
    """The confidences of a photo, by class index (`_281=0.5`); the rest is nearly nothing."""
    confidences = np.full(1000, 1e-6)
    for name, share in shares.items():
        confidences[int(name.removeprefix("_"))] = share
    return confidences


def members(table: ConceptTable) -> dict[str, set[int]]:
    """The classes of each concept."""
    ends = [*table.starts[1:], len(table.members)]
    return {
        name: set(table.members[start:end].tolist())
        for (_, name), start, end in zip(table.concepts, table.starts, ends, strict=True)
    }


def test_each_class_has_an_id_of_its_own_in_the_order_of_the_model() -> None:
    wnids = imagenet().wnids
    assert len(set(wnids)) == 1000
    assert all(re.fullmatch(r"n\d{8}", wnid) for wnid in wnids)
    assert list(wnids) == sorted(wnids), "ImageNet's classes are numbered by their ids"
    assert sha256("\n".join(wnids).encode()).hexdigest() == SHA256_OF_TIMM


def test_the_ids_are_those_of_the_labels() -> None:
    """These names are doubled, or nearly, in some lists: only the id tells them apart."""
    labels = resolve(WorkerSettings(model="efficientnet_lite0")).labels
    ids = dict(zip(labels, imagenet().wnids, strict=True))
    assert ids["tabby"] == "n02123045"
    assert (ids["crane bird"], ids["crane"]) == ("n02012849", "n03126707")
    assert (ids["maillot"], ids["maillot tank suit"]) == ("n03710637", "n03710721")
    assert (ids["Cardigan"], ids["cardigan"]) == ("n02113186", "n02963159")
    assert ids["toilet tissue"] == "n15075141"


def test_the_concepts_are_few_enough_to_be_words_that_people_use() -> None:
    table = imagenet()
    ids, names = zip(*table.concepts, strict=True)
    assert 100 <= len(names) <= 150
    assert len(set(names)) == len(set(ids)) == len(names)
    assert not set(ids) & {"n00001740", *table.wnids}, "neither the root nor a class"
    classes = members(table)
    assert all(len(of) >= 2 for of in classes.values())
    assert len({frozenset(of) for of in classes.values()}) == len(names)
    assert all(len(classes[a]) <= len(classes[b]) for a, b in pairwise(names))


def test_concepts_have_the_classes_that_people_expect() -> None:
    labels = resolve(WorkerSettings(model="efficientnet_lite0")).labels
    classes = {name: {labels[at] for at in of} for name, of in members(imagenet()).items()}
    assert classes["domestic cat"] == {
        "tabby", "tiger cat", "Persian cat", "Siamese cat", "Egyptian cat"
    }  # fmt: skip
    assert len(classes["dog"]) == 118
    assert classes["domestic cat"] < classes["cat"] < classes["feline"] < classes["animal"]
    assert "hay" not in classes["food or drink"]
    assert "meat loaf" not in classes["bread"]
    assert classes["van"] == {"minivan", "moving van", "police van"}


def test_three_kinds_of_cat_read_as_a_cat() -> None:
    concept = imagenet().concept(shown(_281=0.39, _282=0.34, _285=0.18))
    assert concept is not None
    assert concept.model_dump() == {
        "label": "domestic cat", "wnid": "n02121808", "confidence": 0.910002
    }  # fmt: skip


@pytest.mark.parametrize(
    ("shares", "name"),
    [
        ({"_281": 0.5, "_287": 0.4}, "cat"),
        ({"_281": 0.5, "_207": 0.4}, "domestic animal"),
        ({"_281": 0.5, "_0": 0.4}, "animal"),
        ({"_207": 0.9}, "retriever"),
        ({"_281": 0.5, "_849": 0.4}, None),
        ({"_916": 1.0}, None),  # web site
        ({"_281": 0.799, "_849": 0.2}, None),
        ({"_281": 0.8}, "domestic cat"),
        # in binary, 0.1 + 0.7 is less than 0.8
        ({"_281": 0.7, "_282": 0.1}, "domestic cat"),
    ],
)
def test_the_most_specific_concept_that_the_classes_agree_on(
    shares: dict[str, float], name: str | None
) -> None:
    confidences = np.zeros(1000)
    for key, share in shares.items():
        confidences[int(key.removeprefix("_"))] = share
    concept = imagenet().concept(confidences)
    assert (concept and concept.label) == name


def test_the_first_class_may_lie_outside_of_the_concept() -> None:
    dogs = {f"_{at}": 0.1 for at in range(160, 168)}
    concept = imagenet().concept(shown(**dogs, _852=0.19))
    assert concept is not None
    assert (concept.label, concept.wnid) == ("hound", "n02087551")


@given(st.lists(st.tuples(st.integers(0, 999), st.floats(0, 1)), min_size=1, max_size=12))
def test_a_concept_is_never_less_sure_than_one_of_its_classes(
    shares: list[tuple[int, float]],
) -> None:
    table, confidences = imagenet(), np.zeros(1000)
    for at, share in shares:
        confidences[at] = share
    confidences = np.round(confidences / max(1.0, confidences.sum()), 6)
    concept = table.concept(confidences)
    sums = {name: confidences[list(of)].sum() for name, of in members(table).items()}
    if concept is None:
        assert all(total < 0.8 + 1e-6 for total in sums.values())
    else:
        of = members(table)[concept.label]
        assert concept.confidence >= max(confidences[list(of)])
        assert concept.confidence == pytest.approx(min(1.0, sums[concept.label]), abs=2e-6)
        assert not any(
            sums[name] >= 0.8 + 1e-6 and len(smaller) < len(of)
            for name, smaller in members(table).items()
        )


def test_only_the_labels_of_imagenet_have_ids(tmp_path: Path) -> None:
    own = tmp_path / "labels.txt"
    own.write_text("\n".join(f"class {at}" for at in range(1000)))
    assert resolve(WorkerSettings(model="efficientnet_lite0")).imagenet
    assert not resolve(WorkerSettings(model="efficientnet_lite0", model_labels=own)).imagenet
