"""ImageNet's WordNet ids, and the concept that a photo's probabilities agree on."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from shared.messages import Concept

TABLE = "imagenet_concepts.tsv"
# The summed probability from which the model's classes agree on a concept.
AGREED = 0.8
# The digits of a confidence that clients see.
DIGITS = 6


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
