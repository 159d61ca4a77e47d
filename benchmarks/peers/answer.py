"""The response of every peer, and the protocol of its engine."""

from typing import Any, Protocol

TOP = 3
Prediction = dict[str, int | float]


class Engine(Protocol):
    """Classifies photos: bytes → the three most probable classes."""

    def prepare(self, data: bytes) -> Any:
        """Decode and preprocess a file; returns the model's input for one photo."""

    def predict(self, inputs: list[Any]) -> list[list[Prediction]]:
        """Classify inputs of `prepare`; returns the response for each."""


def predictions(indices: list[int], values: list[float]) -> list[Prediction]:
    """The response for one photo."""
    pairs = zip(indices, values, strict=True)
    return [{"class_index": index, "confidence": value} for index, value in pairs]
