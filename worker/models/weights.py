"""The published weights, and their check."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from worker.models.transforms import IMAGENET1K_V1, IMAGENET1K_V2, Recipe


class ModelUnavailable(Exception):
    """No model is available; the text is one line that says what to do."""


@dataclass(frozen=True)
class Published:
    """Weights that torchvision publishes.

    Attributes:
        name: The name in torchvision.
        url: The address. The file's name ends in the first 8 digits of its SHA-256, which
            `torch.hub` checks too; no longer digest is published.
        recipe: The transform with which the weights were evaluated.
    """

    name: str
    url: str
    recipe: Recipe

    @property
    def filename(self) -> str:
        """The file's name in the URL and in the cache."""
        return self.url.rsplit("/", 1)[1]

    @property
    def sha256_prefix(self) -> str:
        """The first digits of the right file's SHA-256."""
        return Path(self.filename).stem.rsplit("-", 1)[1]


# torchvision's own default, ResNet50_Weights.DEFAULT; why: docs/decisions/0005
DEFAULT_WEIGHTS = "IMAGENET1K_V2"

# torchvision.models.ResNet50_Weights.*.url
RESNET50 = {
    weights.name: weights
    for weights in (
        Published(
            "IMAGENET1K_V2",
            "https://download.pytorch.org/models/resnet50-11ad3fa6.pth",
            IMAGENET1K_V2,
        ),
        Published(
            "IMAGENET1K_V1",
            "https://download.pytorch.org/models/resnet50-0676ba61.pth",
            IMAGENET1K_V1,
        ),
    )
}


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
