"""The model's probabilities → the predictions and the concept that a client sees."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from shared.messages import Calibration, Concept, Prediction
from worker.models.calibration import scaled
from worker.models.selection import ModelSpec

TABLE = "imagenet_concepts.tsv"
# The summed probability from which the model's classes agree on a concept.
AGREED = 0.8
# The digits of a confidence that clients see.
DIGITS = 6

Probabilities = NDArray[np.float32]
Confidences = NDArray[np.float64]


@dataclass(frozen=True)
class ConceptTable:
    """The classes of ImageNet and the named concepts above them, most specific concept first.

    Attributes:
        wnids: The WordNet id of each class, in the order of the model's outputs.
        concepts: The WordNet id and the name of each concept.
        members: The indices of each concept's classes, one concept after the other, int64.
        starts: Where each concept's classes begin in ``members``, int64 of shape (concepts,).
    """

    wnids: tuple[str, ...]
    concepts: tuple[tuple[str, str], ...]
    members: NDArray[np.int64]
    starts: NDArray[np.int64]

    def concept(self, confidences: NDArray[np.float64]) -> Concept | None:
        """The most specific concept whose classes have at least 0.8 of the probability together.

        Args:
            confidences: float64 of shape (classes,), as they are shown to clients.
        """
        # rounded as each confidence is: in binary, 0.1 + 0.7 is less than 0.8
        sums = np.add.reduceat(confidences[self.members], self.starts).round(DIGITS)
        agreed = sums >= AGREED
        first = int(agreed.argmax())
        if not agreed[first]:
            return None
        wnid, label = self.concepts[first]
        return Concept(label=label, wnid=wnid, confidence=min(1.0, float(sums[first])))


@cache
def imagenet() -> ConceptTable:
    """The table of ImageNet, read once."""
    text = files("worker.models").joinpath(TABLE).read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    parents = {wnid: above.split() for wnid, above, *_ in rows}
    names = {wnid: name[0] for wnid, above, *name in rows if name and above}
    wnids = tuple(wnid for wnid, _, *name in rows if not name)
    classes: dict[str, list[int]] = {wnid: [] for wnid in names}
    for index, wnid in enumerate(wnids):
        for concept in _above(wnid, parents) & names.keys():
            classes[concept].append(index)
    # of two concepts that agree, one above the other, the lower one has fewer classes
    order = sorted(names, key=lambda wnid: (len(classes[wnid]), wnid))
    counts = [len(classes[wnid]) for wnid in order]
    return ConceptTable(
        wnids=wnids,
        concepts=tuple((wnid, names[wnid]) for wnid in order),
        members=np.concatenate([np.array(classes[wnid], np.int64) for wnid in order]),
        starts=np.cumsum([0, *counts[:-1]], dtype=np.int64),
    )


def _above(wnid: str, parents: dict[str, list[str]]) -> set[str]:
    """All concepts above a class or concept, without itself."""
    found: set[str] = set()
    for parent in parents[wnid]:
        found |= {parent} | _above(parent, parents)
    return found


@dataclass(frozen=True)
class Labeller:
    """Names classes and chooses those that a client asked for.

    Args:
        labels: One name per class.
        table: The ids and concepts of the classes; ``None`` if the labels are the user's own.
        temperature: Divides the logits; ``None`` shows the model's own probabilities.
    """

    labels: tuple[str, ...]
    table: ConceptTable | None = None
    temperature: float | None = None

    @classmethod
    def of(cls, spec: ModelSpec, calibration: Calibration | None = None) -> "Labeller":
        """For a model."""
        table = imagenet() if spec.imagenet else None
        return cls(spec.labels, table, calibration.temperature if calibration else None)

    def confidences(self, probabilities: Probabilities) -> Confidences:
        """The confidences as clients see them.

        Args:
            probabilities: float32 of shape (classes,), each 0 to 1.

        Returns:
            float64 of the same shape.
        """
        exact = probabilities.astype(np.float64)
        if self.temperature is not None:
            exact = scaled(exact, self.temperature)
        return np.minimum(exact.round(DIGITS), 1.0)

    def concept(self, confidences: Confidences) -> Concept | None:
        """What the classes agree on; ``None`` if they do not, or have labels of the user's own."""
        return self.table.concept(confidences) if self.table else None

    def predictions(
        self,
        probabilities: Probabilities,
        confidences: Confidences,
        top_k: int,
        min_confidence: float = 0.0,
    ) -> list[Prediction]:
        """The most probable classes, most probable first; equal ones in class order.

        Args:
            probabilities: As the model returns them; they order the classes.
            confidences: As clients see them.
            top_k: How many classes to return, at most all of them.
            min_confidence: Leaves out the classes with a lower confidence.
        """
        # only these are sorted: to sort all 1,000 classes takes four times as long
        top_k = min(top_k, len(probabilities))
        among = (probabilities >= np.partition(probabilities, -top_k)[-top_k]).nonzero()[0]
        best = among[(-probabilities[among]).argsort(kind="stable")][:top_k]
        return [
            Prediction(
                label=self.labels[index],
                wnid=self.table.wnids[index] if self.table else None,
                class_index=int(index),
                confidence=float(confidences[index]),
            )
            for index in best
            if confidences[index] >= min_confidence
        ]
