"""Class activation maps: where in the photo a class was seen.

Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016, equation 2. The
model's last convolution's features must be averaged over the photo and then go through one linear
layer: what that layer would say of each place is how far the features there speak for a class.
"""

import numpy as np
from numpy.typing import NDArray


def activation_maps(
    features: NDArray[np.float32], rows: NDArray[np.float32]
) -> NDArray[np.float32]:
    """One map per class.

    Args:
        features: What the last convolution made of one photo, shape (channels, h, w).
        rows: The classes' rows of the linear layer's weights, shape (classes, channels).

    Returns:
        Shape (classes, h, w). A map's mean plus the class's bias is its logit.
    """
    maps: NDArray[np.float32] = np.einsum("kc,chw->khw", rows, features).astype(np.float32)
    return maps
