"""How often two models see the same class on the same photos. Depends on numpy alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Probabilities = NDArray[np.float32]


@dataclass
class Tally:
    """Counts over the views that were compared."""

    views: int = 0
    top_1: int = 0
    top_3: int = 0
    furthest: float = 0.0

    def add(self, ours: Probabilities, theirs: Probabilities) -> bool:
        """Count one view; says whether both see the same class."""
        a, b = np.argsort(-ours)[:3], np.argsort(-theirs)[:3]
        same = bool(a[0] == b[0])
        self.views += 1
        self.top_1 += same
        self.top_3 += bool((a == b).all())
        self.furthest = max(self.furthest, float(np.abs(ours - theirs).max()))
        return same

    def __str__(self) -> str:
        return (
            f"{self.views} views: top 1 agrees on {self.top_1 / self.views:.2%}, top 3 in order on "
            f"{self.top_3 / self.views:.2%}, confidence differs by {self.furthest:.4f} at most"
        )
