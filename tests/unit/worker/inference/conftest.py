"""A random model, the answers of plain torch, and a cache for all tests."""

import importlib
import multiprocessing
import sys
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import forkserver, popen_forkserver
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.networks import noise, of_file, settings
from worker.inference import conversion, load_runtime
from worker.inference.conversion import cache_key
from worker.inference.runtime import Runtime
from worker.models.selection import ModelSpec


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Other processes test meanwhile, and threads of torch's, if a file imports it, would spin."""
    if torch := sys.modules.get("torch"):
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
def random_network() -> ModuleType:
    """Imports torch, which takes three seconds, only where a test needs the model."""
    return importlib.import_module("tests.support.random_network")


@pytest.fixture(scope="session")
def network(random_network: ModuleType) -> Any:
    return random_network.random_network()


@pytest.fixture(scope="session")
def expected(random_network: ModuleType, network: Any) -> NDArray[np.float32]:
    """What plain torch answers on `noise(8)`."""
    return random_network.answers(network, noise(8))


@pytest.fixture(scope="session")
def spec(
    random_network: ModuleType, network: Any, tmp_path_factory: pytest.TempPathFactory
) -> ModelSpec:
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    random_network.save(network, path)
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


@pytest.fixture
def cache(spec: ModelSpec, load: Callable[..., Runtime], converted: Path, tmp_path: Path) -> Path:
    """A cache that has the graph of each model, and no times."""
    load("openvino")
    graph = converted / "openvino" / cache_key(spec)
    (tmp_path / "openvino").mkdir()
    for model in ("resnet50", "efficientnet_lite0"):
        key = cache_key(replace(spec, name=model))
        (tmp_path / "openvino" / key).symlink_to(graph)
    return tmp_path
