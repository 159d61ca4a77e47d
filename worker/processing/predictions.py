"""The model's probabilities → the predictions and the concept that a client sees."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.messages import Calibration, Concept, Prediction
from worker.models.calibration import scaled
from worker.models.concepts import DIGITS, ConceptTable, imagenet
from worker.models.selection import ModelSpec

Probabilities = NDArray[np.float32]
Confidences = NDArray[np.float64]


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
        best = np.argsort(-probabilities, kind="stable")[:top_k]
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
