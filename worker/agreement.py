"""How often a model in another precision answers as in fp32."""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Probabilities = NDArray[np.float32]

# Margins of fp32, the difference of its two highest confidences: below the first limit two classes
# are nearly equal, and above the last one an answer should never change.
CLOSE, SURE = 0.05, 0.2
_LIMITS = (0.0, CLOSE, SURE, np.inf)
_RANGES = (f"below {CLOSE}", f"up to {SURE}", f"above {SURE}")


@dataclass
class Tally:
    """Counts over the compared views."""

    views: int = 0
    top_1: int = 0
    top_3: int = 0
    furthest: float = 0.0
    by_margin: list[int] = field(default_factory=lambda: [0, 0, 0])
    changed: list[int] = field(default_factory=lambda: [0, 0, 0])

    def add(self, ours: Probabilities, theirs: Probabilities) -> bool:
        """Count one view.

        Args:
            ours: The model's probabilities, shape (classes,).
            theirs: The probabilities in fp32, shape (classes,).

        Returns:
            Whether both have the same first class.
        """
        a, b = np.argsort(-ours)[:3], np.argsort(-theirs)[:3]
        same = bool(a[0] == b[0])
        margin = theirs[b[0]] - theirs[b[1]]
        place = next(n for n, (_, most) in enumerate(pairwise(_LIMITS)) if margin <= most)
        self.by_margin[place] += 1
        self.changed[place] += not same
        self.views += 1
        self.top_1 += same
        self.top_3 += bool((a == b).all())
        self.furthest = max(self.furthest, float(np.abs(ours - theirs).max()))
        return same

    @property
    def agreement(self) -> float:
        """The share of views with the same first class."""
        return self.top_1 / self.views

    def __str__(self) -> str:
        return (
            f"{self.views} views: top 1 agrees on {self.agreement:.2%}, top 3 in order on "
            f"{self.top_3 / self.views:.2%}, confidence differs by at most {self.furthest:.4f}"
        )

    def margins(self) -> str:
        """The changed answers by how far apart the two highest confidences are in fp32."""
        return ", ".join(
            f"{changed} of {views} {which}"
            for changed, views, which in zip(self.changed, self.by_margin, _RANGES, strict=True)
        )
