"""The protocol of a runtime, its errors, and class activation maps, for both engines."""

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class OutOfMemory(Exception):
    """The device has too little memory for this batch; a smaller one may fit."""


class WorkerFault(Exception):
    """This process is faulty and must be replaced; its photos can succeed elsewhere.

    Args:
        reason: ``model``, ``memory`` or ``uploads``.
        detail: What failed, for the log.
        photo_suspect: Whether the photo that met the fault may have caused it.
    """

    def __init__(self, reason: str, detail: str, *, photo_suspect: bool = True) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.photo_suspect = photo_suspect


class Runtime(Protocol):
    """A loaded model on a device; several threads may call `predict`."""

    name: str
    """`torch` or `openvino`."""
    device: str
    """`cpu`, `cuda:0`, …"""
    precision: str
    """The precision of the layers: `fp32`, `bf16`, `fp16` or `int8`."""
    concurrency: int
    """How many calls of `predict` can usefully run at the same time."""
    best_batch: int
    """Default of `MAX_BATCH_SIZE`: maximum number of photos in one call.

    Above 1, photos should share calls (decision 0025).
    """

    def predict(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Classify photos.

        Args:
            batch: RGB as `worker.imaging.preprocess` returns it, shape (n, crop, crop, 3).

        Returns:
            Probabilities, shape (n, classes); each row sums to 1.

        Raises:
            OutOfMemory: The device has too little memory for n photos at once.
        """

    explains: bool
    """Whether `explain` works: the model ends in an average and one linear layer."""

    def explain(self, photo: NDArray[np.uint8], classes: Sequence[int]) -> NDArray[np.float32]:
        """Compute where in a photo the model saw some classes, with one more pass.

        Args:
            photo: RGB, uint8, shape (crop, crop, 3).
            classes: Indices of the classes.

        Returns:
            Class activation maps in fp32, shape (len(classes), h, w), 7 x 7 for 224 pixels; see
            `activation_maps`.

        Raises:
            OutOfMemory: The device has too little memory.
        """

    def warm_up(self, sizes: Iterable[int]) -> None:
        """Run each batch size once, because the first call of a size is slow."""


def activation_maps(
    features: NDArray[np.float32], rows: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Class activation maps: where in the photo each class was seen.

    Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016, equation 2.
    The model must average the last convolution's features over the photo and then apply one linear
    layer. A map is the linear layer applied to the features of each place.

    Args:
        features: The last convolution's features of one photo, shape (channels, h, w).
        rows: The classes' rows of the linear layer's weights, shape (classes, channels).

    Returns:
        Shape (classes, h, w). A map's mean plus the class's bias is its logit.
    """
    maps: NDArray[np.float32] = np.einsum("kc,chw->khw", rows, features).astype(np.float32)
    return maps
