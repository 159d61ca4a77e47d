"""torchvision's ResNet-50 in eager torch with the weights' transform, as in its documentation."""

import io
import os

import torch
from PIL import Image
from torchvision import models

from benchmarks.peers.answer import TOP, Prediction, predictions


class TorchEngine:
    """The model on the CPU, with torch's default number of threads."""

    def __init__(self) -> None:
        self._transform = models.ResNet50_Weights[os.environ["PEER_RECIPE"]].transforms()
        self._model = models.resnet50()
        self._model.load_state_dict(torch.load(os.environ["PEER_WEIGHTS"], weights_only=True))
        self._model.eval()

    def prepare(self, data: bytes) -> torch.Tensor:
        """Decode and preprocess a file; returns the model's input, shape (3, 224, 224)."""
        return self.transform(Image.open(io.BytesIO(data)))

    def transform(self, image: Image.Image) -> torch.Tensor:
        """Preprocess an opened photo; returns the model's input, shape (3, 224, 224)."""
        photo: torch.Tensor = self._transform(image.convert("RGB"))
        return photo

    def predict(self, inputs: list[torch.Tensor]) -> list[list[Prediction]]:
        """Classify inputs; returns the response for each."""
        with torch.inference_mode():
            best = self._model(torch.stack(inputs)).softmax(dim=1).topk(TOP)
        pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        return [predictions(indices, values) for indices, values in pairs]
