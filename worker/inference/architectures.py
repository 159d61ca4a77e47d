"""The torch modules that turn pixels into probabilities; both engines are built from them."""

import warnings
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_eval
from torchvision.models import ResNet, resnet50

from worker.inference.checkpoint import misfit, not_finite, read_state, without_prefix
from worker.models.selection import ModelSpec
from worker.models.transforms import Recipe
from worker.models.weights import ModelUnavailable

# The weights of the last layer, with one row per class.
_HEAD = {"resnet50": "fc.weight", "efficientnet_lite0": "_fc.weight"}


class Classifier(nn.Module):
    """A network with normalization before it and softmax after it.

    Args:
        network: Normalized float pixels (n, 3, h, w) → logits (n, classes).
        recipe: The mean and std for the normalization.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, network: nn.Module, recipe: Recipe) -> None:
        super().__init__()
        self.network = network
        # (p / 255 - mean) / std, for pixels p from 0 to 255
        mean, std = torch.tensor(recipe.mean), torch.tensor(recipe.std)
        self.register_buffer("mean", (mean * 255).reshape(1, 3, 1, 1))
        self.register_buffer("scale", (1 / (std * 255)).reshape(1, 3, 1, 1))

    def forward(self, pixels: Tensor) -> Tensor:
        """Pixels, uint8 (n, h, w, 3) → probabilities, float32 (n, classes)."""
        logits = self.network(self._normalised(pixels))
        return torch.softmax(logits.float(), dim=1)

    def cast(self, dtype: torch.dtype) -> None:
        """Fold every batch norm into its convolution and cast the network's weights.

        Autocast would cast all weights again in each call. The normalization and the softmax stay
        in fp32.
        """
        for module in list(self.network.modules()):
            _fold(module)
        self.network.to(dtype)

    def features(self, pixels: Tensor) -> Tensor:
        """Pixels, uint8 (n, h, w, 3) → the last features, (n, channels, h / 32, w / 32)."""
        photos = self._normalised(pixels)
        if isinstance(self.network, ResNet):
            for name, layer in self.network.named_children():
                if name == "avgpool":
                    break
                photos = layer(photos)
            return photos
        lite: Any = self.network
        features: Tensor = lite.extract_features(photos)
        return features

    @property
    def head(self) -> Tensor:
        """The last layer's weights, (classes, channels)."""
        name = "resnet50" if isinstance(self.network, ResNet) else "efficientnet_lite0"
        return self.network.get_parameter(_HEAD[name])

    def _normalised(self, pixels: Tensor) -> Tensor:
        # NHWC data viewed as NCHW is torch's channels_last: no copy.
        photos = pixels.permute(0, 3, 1, 2).float()
        return ((photos - self.mean) * self.scale).to(self.head.dtype)


def _fold(module: nn.Module) -> None:
    """Fold a module's batch norms into the convolutions that are defined directly before them.

    In the supported architectures these are the convolutions that they follow.
    """
    for (before, conv), (name, norm) in pairwise(list(module.named_children())):
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            setattr(module, before, fuse_conv_bn_eval(conv, norm))
            setattr(module, name, nn.Identity())


def build(spec: ModelSpec) -> Classifier:
    """Load a model in fp32, in evaluation mode.

    Raises:
        ModelUnavailable: The file has changed since it was chosen, has no weights, or does not
            match the architecture or the labels.
    """
    head = _HEAD[spec.name]
    with torch.device("meta"):  # only the names are needed: allocates no memory
        wanted = list(_network(spec.name, classes=1).state_dict())
    state = without_prefix(read_state(spec.weights_path, spec.sha256), wanted)
    if head not in state or state[head].ndim != 2:
        other = [name for name in state if name not in wanted]
        raise _misfit(spec, misfit([f"the matrix {head}"], other or list(state)))
    if faults := not_finite(state):
        raise ModelUnavailable(
            f"the weights in {spec.weights_path} contain NaN or infinity in {len(faults)} tensors, "
            f"first in {faults[0]}: use a checkpoint from before that happened"
        )
    # Files of old torch versions lack the batch counters, which are not used here.
    missing = [n for n in wanted if n not in state and not n.endswith("num_batches_tracked")]
    unexpected = [n for n in state if n not in wanted]
    if missing or unexpected:
        raise _misfit(spec, misfit(missing, unexpected))
    classes = state[head].shape[0]
    network = _network(spec.name, classes)
    try:
        # Copying converts weights in half precision to fp32.
        network.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise _misfit(spec, _first_faults(error)) from error
    if classes != len(spec.labels):
        raise ModelUnavailable(
            f"the weights in {spec.weights_path} have {classes} classes and there are "
            f"{len(spec.labels)} labels: set MODEL_LABELS to a text file of {classes} lines"
        )
    return Classifier(network, spec.recipe).float().eval()


def _misfit(spec: ModelSpec, why: str) -> ModelUnavailable:
    return ModelUnavailable(f"the weights in {spec.weights_path} do not fit {spec.name}: {why}")


def _network(name: str, classes: int) -> nn.Module:
    if name == "resnet50":
        network: nn.Module = resnet50(weights=None, num_classes=classes)
        return network
    with warnings.catch_warnings():
        # newer Python versions warn of escapes in its docstrings
        warnings.simplefilter("ignore", (DeprecationWarning, SyntaxWarning))
        from efficientnet_lite_pytorch import EfficientNet  # noqa: PLC0415 - warns as it is imported
    lite: nn.Module = EfficientNet.from_name("efficientnet-lite0", num_classes=classes)
    return lite


def _first_faults(error: RuntimeError) -> str:
    """The first lines of torch's list of mismatched shapes, joined to one line."""
    lines = [line.strip() for line in str(error).splitlines()[1:]]
    return "; ".join(line[:120] for line in lines[:2])
