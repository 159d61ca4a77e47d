"""Models and photos that are the same on every machine and need no network."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torchvision.models import resnet50

from benchmarks.harness.photos import SIZES
from worker.models.selection import ModelSpec, resolve
from worker.settings import WorkerSettings

Pixels = NDArray[np.uint8]


def settings(device: str, precision: str = "auto") -> WorkerSettings:
    """Worker settings for eager torch on a device."""
    chosen = {"device": device, "runtime": "torch", "precision": precision}
    return WorkerSettings.model_validate(chosen)


def packaged() -> ModelSpec:
    """The packaged EfficientNet-Lite0."""
    return resolve(WorkerSettings(model="efficientnet_lite0"))


def random_resnet(folder: Path) -> ModelSpec:
    """ResNet-50 with random weights from a seed, whose classes differ between photos."""
    file = folder / "resnet50-random.pth"
    if not file.exists():
        with seeded(1):
            network = resnet50()
            for module in network.modules():
                if isinstance(module, torch.nn.BatchNorm2d):
                    module.momentum = None  # average over all batches
            with torch.inference_mode():
                photos = torch.from_numpy(pixels(8)).permute(0, 3, 1, 2).float() / 255
                network.train()((photos - 0.45) / 0.225)
                network.fc.weight *= 4
            torch.save(network.state_dict(), file)
    return resolve(WorkerSettings(model_weights=str(file), model_recipe="IMAGENET1K_V2"))


@contextmanager
def seeded(number: int) -> Iterator[None]:
    """Seed torch inside the block; afterwards the caller's random state is restored."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(number)
        yield


def pixels(count: int, side: int = 224) -> Pixels:
    """Noise of different grain and colour: uint8, shape (count, side, side, 3)."""
    rng = np.random.default_rng(7)
    return np.stack([_noise(rng, side, side, 2 ** (n % 6)) for n in range(count)])


def photos(folder: Path, count: int = 100) -> list[Path]:
    """Create ``count`` JPEG files of noise, in the usual sizes of photos."""
    folder.mkdir(parents=True, exist_ok=True)
    sizes = [size for size, share in SIZES.items() for _ in range(share)]
    rng = np.random.default_rng(3)
    rng.shuffle(sizes)
    files = []
    for number, (width, height) in enumerate(islice(cycle(sizes), count)):
        file = folder / f"{number:03}.jpg"
        Image.fromarray(_noise(rng, height, width, 2 ** (number % 6))).save(file, quality=90)
        files.append(file)
    return files


def _noise(rng: np.random.Generator, height: int, width: int, grain: int) -> Pixels:
    rows, columns = -(-height // grain), -(-width // grain)
    small = rng.integers(0, 256, (rows, columns, 3), dtype=np.uint8)
    large = np.kron(small, np.ones((grain, grain, 1), np.uint8))[:height, :width]
    return (large * rng.uniform(0.3, 1, 3)).astype(np.uint8)
