"""What every peer answers, and the protocol of the engine behind it."""

from typing import Any, Protocol

TOP = 3
Prediction = dict[str, int | float]


class Engine(Protocol):
    """Bytes of a photo → its three most probable classes."""

    def prepare(self, data: bytes) -> Any:
        """A file's bytes → the model's input for one photo."""

    def predict(self, inputs: list[Any]) -> list[list[Prediction]]:
        """Inputs of some photos → the answer for each."""


def predictions(indices: list[int], values: list[float]) -> list[Prediction]:
    """One photo's answer."""
    pairs = zip(indices, values, strict=True)
    return [{"class_index": index, "confidence": value} for index, value in pairs]
