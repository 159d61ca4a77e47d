"""What every peer answers, and the engine that it asks."""

import os
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


def load_engine() -> Engine:
    """The engine that ``PEER_ENGINE`` names: ``torch`` or ``ours``."""
    if os.environ["PEER_ENGINE"] == "torch":
        from benchmarks.peers.torch_engine import TorchEngine  # noqa: PLC0415 - one of the two

        return TorchEngine()
    from benchmarks.peers.our_engine import OurEngine  # noqa: PLC0415 - likewise

    return OurEngine()
