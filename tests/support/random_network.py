"""A ResNet-50 with random weights, and what plain torch answers.

The weights are made so that photos differ: batch statistics of noise, a steep head.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision import models
from torchvision.transforms.functional import normalize, to_tensor

from tests.support.networks import CLASSES, Pixels, noise
from worker.models.transforms import IMAGENET1K_V2


def random_network() -> models.ResNet:
    """The same one each time."""
    torch.manual_seed(1)
    network = models.resnet50(num_classes=CLASSES)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # average over what passes
    with torch.no_grad():
        network.train()(torch.stack([_normalised(photo) for photo in noise(12)]))
        network.eval().fc.weight *= 4
    return network


def answers(network: models.ResNet, photos: Pixels) -> NDArray[np.float32]:
    """The probabilities for photos, one at a time: float32, shape (n, classes)."""
    with torch.inference_mode():
        return np.stack(
            [network(_normalised(p).unsqueeze(0)).softmax(1)[0].numpy() for p in photos]
        )


def save(network: models.ResNet, path: Path) -> None:
    """Write its weights as a checkpoint."""
    torch.save(network.state_dict(), path)


def _normalised(photo: Pixels) -> torch.Tensor:
    return normalize(to_tensor(photo), IMAGENET1K_V2.mean, IMAGENET1K_V2.std)
