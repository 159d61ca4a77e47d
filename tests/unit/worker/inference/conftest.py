"""A random model, the answers of plain torch, and a cache for all tests.

The weights are random, but made so that photos differ: batch statistics of noise, a steep head.
"""

import multiprocessing
from collections.abc import Callable
from multiprocessing import forkserver, popen_forkserver
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torchvision import models

from tests.support.networks import CLASSES, noise, normalised, of_file, settings
from worker.inference import conversion, load_runtime
from worker.inference.runtime import Runtime
from worker.models.selection import ModelSpec


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Other processes test meanwhile, and torch's threads wait for each other by spinning."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def with_torch() -> SimpleNamespace:
    """A server whose forks have imported what a conversion needs, which takes four seconds."""
    server = forkserver.ForkServer()
    server.set_forkserver_preload(["openvino", "torchvision.models", "efficientnet_lite_pytorch"])
    own = {"connect_to_new_process": server.connect_to_new_process}
    return SimpleNamespace(**vars(forkserver) | own)


@pytest.fixture(autouse=True)
def conversions_start_with_torch(
    with_torch: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is a process of its own, as in service."""
    monkeypatch.setattr(popen_forkserver, "forkserver", with_torch)
    ready = SimpleNamespace(get_context=lambda _: multiprocessing.get_context("forkserver"))
    monkeypatch.setattr(conversion, "multiprocessing", ready)


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
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the random model is converted into, once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def load(spec: ModelSpec, converted: Path) -> Callable[..., Runtime]:
    """Loads the random model on the processor."""

    def load(runtime: str, precision: str = "fp32", of: ModelSpec = spec) -> Runtime:
        return load_runtime(of, settings(converted, runtime=runtime, precision=precision))

    return load


@pytest.fixture(scope="session")
def packaged_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the packaged model is converted into, once."""
    return tmp_path_factory.mktemp("packaged")
