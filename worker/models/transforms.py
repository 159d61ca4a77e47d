"""The transform of each set of weights, which turns a photo into the model's input."""

from dataclasses import dataclass

from PIL.Image import Resampling

Triple = tuple[float, float, float]

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Recipe:
    """The transform that a set of weights was evaluated with.

    Attributes:
        name: The name in ``MODEL_RECIPE`` and ``GET /model``.
        resize: Length of the shorter side after the resize, in pixels.
        crop: Side of the square cut from the centre, in pixels; the model's input size.
        interpolation: Pillow's filter; Pillow antialiases with every filter.
        mean: Subtracted from pixels scaled to 0 to 1, per channel in the order RGB.
        std: Divides the result of the subtraction, per channel.
    """

    name: str
    resize: int
    crop: int
    interpolation: Resampling
    mean: Triple
    std: Triple


# torchvision.models.ResNet50_Weights.*.transforms()
IMAGENET1K_V1 = Recipe(
    "IMAGENET1K_V1", 256, 224, Resampling.BILINEAR, _IMAGENET_MEAN, _IMAGENET_STD
)
IMAGENET1K_V2 = Recipe(
    "IMAGENET1K_V2", 232, 224, Resampling.BILINEAR, _IMAGENET_MEAN, _IMAGENET_STD
)

# tensorflow/tpu, models/official/efficientnet: MEAN_RGB and STDDEV_RGB of lite/
# efficientnet_lite_builder.py; crop fraction 0.875 and bicubic resize of preprocessing.py.
EFFICIENTNET_LITE0 = Recipe(
    "EFFICIENTNET_LITE0",
    256,
    224,
    Resampling.BICUBIC,
    (127 / 255, 127 / 255, 127 / 255),
    (128 / 255, 128 / 255, 128 / 255),
)

RECIPES = {recipe.name: recipe for recipe in (IMAGENET1K_V1, IMAGENET1K_V2, EFFICIENTNET_LITE0)}
