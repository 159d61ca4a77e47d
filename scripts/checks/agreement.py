"""How often the service's model and a plain torch + torchvision script see the same class.

`python -m scripts.checks.agreement` compares whole pipelines, from a file's bytes to the
probabilities, on views (crops, rotations, scales) of scikit-image's photos. The settings are the
worker's: `MODEL`, `MODEL_WEIGHTS`, `MODEL_RECIPE`, `RUNTIME`, `DEVICE`.
"""

import argparse
import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path

import numpy as np
import skimage
import torch
from efficientnet_lite_pytorch import EfficientNet
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torchvision import models, transforms

from worker.agreement import Probabilities, Tally
from worker.imaging.preprocess import preprocess
from worker.inference import load_runtime
from worker.models.selection import ModelSpec, resolve
from worker.settings import WorkerSettings

# Photos that show a class of ImageNet come first.
PHOTOS = [
    *("chelsea.png", "coffee.png", "rocket.jpg", "astronaut.png", "motorcycle_left.png"),
    *("camera.png", "coins.png", "clock_motion.png", "horse.png", "hubble_deep_field.jpg"),
    *("retina.jpg", "ihc.png", "grass.png", "gravel.png", "brick.png", "page.png"),
]
TURNS = (0, 90, 180, 8, -15)  # degrees
SHARES = (1.0, 0.75, 0.55)  # of width and height, cut from a corner
SCALES = (1.0, 0.6)


@dataclass(frozen=True)
class View:
    """One photo as a client would send it."""

    name: str
    data: bytes


def views() -> Iterator[View]:
    """Distinct views, each photo's first ones first; every third is a PNG, the others JPEG."""
    folder = Path(skimage.__file__).parent / "data"
    kinds = product(SHARES, TURNS, SCALES)
    for number, (share, turn, scale) in enumerate(kinds):
        for photo in PHOTOS:
            with Image.open(folder / photo) as image:
                picture = _view(image.convert("RGB"), share, turn, scale)
            file = io.BytesIO()
            picture.save(file, **({"format": "PNG"} if number % 3 == 2 else _JPEG))
            yield View(f"{photo} {share:.0%} {turn}° x{scale}", file.getvalue())


_JPEG = {"format": "JPEG", "quality": 92}


def _view(picture: Image.Image, share: float, turn: int, scale: float) -> Image.Image:
    turned = picture.rotate(turn, Image.Resampling.BICUBIC, expand=turn % 90 == 0)
    width, height = (max(1, round(length * share)) for length in turned.size)
    corner = turned.crop((0, 0, width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return corner.resize(size, Image.Resampling.LANCZOS) if scale != 1 else corner


class Reference:
    """The model as the documentation of torch and torchvision shows it, without the worker's code.

    Args:
        spec: Which weights, and the name of their transform.
    """

    def __init__(self, spec: ModelSpec) -> None:
        state = torch.load(spec.weights_path, weights_only=True)
        if spec.name == "resnet50":
            self._model = models.resnet50(num_classes=len(state["fc.bias"]))
            transform = models.ResNet50_Weights[spec.recipe.name].transforms()
            normalize = transforms.Normalize(transform.mean, transform.std)
        else:
            self._model = EfficientNet.from_name("efficientnet-lite0")
            normalize = transforms.Normalize([127 / 255] * 3, [128 / 255] * 3)
            resize = transforms.Resize(256, transforms.InterpolationMode.BICUBIC)
            cut = [resize, transforms.CenterCrop(224)]
            transform = transforms.Compose([*cut, transforms.ToTensor(), normalize])
        self._transform = transform
        self._normalize = transforms.Compose([transforms.ToTensor(), normalize])
        self._model.load_state_dict(state)
        self._model.eval()

    def __call__(self, data: bytes) -> Probabilities:
        """A file's bytes → probabilities, shape (classes,)."""
        with Image.open(io.BytesIO(data)) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
        return self._answer(self._transform(upright))

    def on_pixels(self, pixels: NDArray[np.uint8]) -> Probabilities:
        """What is already cut to the model's input, (224, 224, 3) → probabilities, (classes,)."""
        return self._answer(self._normalize(pixels.copy()))  # torch takes no read-only arrays

    def _answer(self, photo: torch.Tensor) -> Probabilities:
        with torch.inference_mode():
            answer: Probabilities = self._model(photo.unsqueeze(0)).softmax(dim=1)[0].numpy()
        return answer


def main() -> None:
    """Print one line for each precision."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--views", type=int, default=240)
    parser.add_argument("--precision", nargs="+", default=["fp32", "auto"])
    options = parser.parse_args()
    spec = resolve(WorkerSettings())
    reference = Reference(spec)
    batch = [(view, reference(view.data)) for view in islice(views(), options.views)]
    print(f"{spec.name} {spec.weights}, {len({view.data for view, _ in batch})} distinct views")
    for precision in options.precision:
        settings = WorkerSettings(precision=precision)
        runtime = load_runtime(spec, settings)
        tally = Tally()
        for view, theirs in batch:
            pixels = preprocess(view.data, spec.recipe, settings.max_pixels)
            if not tally.add(runtime.predict(pixels[None])[0], theirs):
                second, first = np.sort(theirs)[-2:]
                apart = f"the reference's first two are {first - second:.4f} apart"
                print(f"  {precision} differs on {view.name}: {apart}", file=sys.stderr)
        print(f"PRECISION={precision} ({runtime.name} {runtime.precision}) {tally}")


if __name__ == "__main__":
    main()
