"""A random model, the answers of plain torch, and a cache for all tests.

The weights are random, but made so that photos differ: batch statistics of noise, a steep head.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torchvision import models

from tests.support.networks import CLASSES, noise, normalised, of_file, settings
from worker.inference import load_runtime
from worker.inference.runtime import Runtime
from worker.models.selection import ModelSpec


@pytest.fixture(scope="session")
def network() -> models.ResNet:
    torch.manual_seed(1)
    network = models.resnet50(num_classes=CLASSES)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # average over what passes
    with torch.no_grad():
        network.train()(torch.stack([normalised(photo) for photo in noise(12)]))
        network.eval().fc.weight *= 4
    return network


@pytest.fixture(scope="session")
def expected(network: models.ResNet) -> NDArray[np.float32]:
    """What plain torch answers on `noise(8)`, a photo at a time."""
    with torch.inference_mode():
        return np.stack(
            [network(normalised(p).unsqueeze(0)).softmax(1)[0].numpy() for p in noise(8)]
        )


@pytest.fixture(scope="session")
def spec(network: models.ResNet, tmp_path_factory: pytest.TempPathFactory) -> ModelSpec:
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    torch.save(network.state_dict(), path)
    return of_file(path)


@pytest.fixture(scope="session")
def load(spec: ModelSpec, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Runtime]:
    """Loads the random model on the processor, with one cache for all tests."""
    cache = tmp_path_factory.mktemp("cache")

    def load(runtime: str, precision: str = "fp32", of: ModelSpec = spec) -> Runtime:
        return load_runtime(of, settings(cache, runtime=runtime, precision=precision))

    return load


@pytest.fixture(scope="session")
def packaged_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the packaged model is converted into, once."""
    return tmp_path_factory.mktemp("packaged")
