"""The photos that every server is asked about: a folder of the user's, or scikit-image's.

scikit-image's are cut, turned and scaled to sizes that people send, the same at each run.
"""

import random
from pathlib import Path

import numpy as np
import skimage
from numpy.typing import NDArray
from PIL import Image

COUNT = 200
SEED = 3
# width and height, and how many of 100 photos have it: the median is ImageNet's
SIZES = {
    (500, 375): 45,
    (375, 500): 15,
    (640, 480): 20,
    (1024, 768): 10,
    (1280, 960): 5,
    (1600, 1200): 5,
}
SOURCES = [
    *("chelsea.png", "coffee.png", "rocket.jpg", "astronaut.png", "motorcycle_left.png"),
    *("camera.png", "coins.png", "horse.png", "hubble_deep_field.jpg", "retina.jpg", "ihc.png"),
]
NOISE = 3.0  # of 255, as a sensor's: without it a photo that was scaled up decodes too easily


class NoPhotos(Exception):
    """A folder without photos."""


def photos(folder: Path | None, cache: Path) -> list[Path]:
    """The JPEG and PNG files of a folder, or those derived from scikit-image's.

    Args:
        folder: The user's, searched to any depth.
        cache: Where derived photos are kept.

    Raises:
        NoPhotos: The folder has none.
    """
    if folder is None:
        return derived(cache)
    kinds = {".jpg", ".jpeg", ".png"}
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in kinds)
    if not found:
        raise NoPhotos(f"PHOTOS={folder} has no .jpg, .jpeg or .png file")
    return found


def derived(folder: Path) -> list[Path]:
    """``COUNT`` JPEG files, made unless they are there; always the same ones."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{number:03}.jpg" for number in range(COUNT)]
    if not all(file.exists() for file in files):
        data = Path(skimage.__file__).parent / "data"
        sources = [Image.open(data / name).convert("RGB") for name in SOURCES]
        for number, file in enumerate(files):
            draw = random.Random(f"{SEED} {number}")  # noqa: S311 - to be repeated
            picture = _noisy(_view(sources[number % len(sources)], draw), number)
            picture.save(file, quality=90)
    return files


def _view(source: Image.Image, draw: random.Random) -> Image.Image:
    """A part of the photo, of the proportions of one of the sizes, in that size."""
    width, height = draw.choices(list(SIZES), list(SIZES.values()))[0]
    share = draw.uniform(0.5, 1) * min(source.width / width, source.height / height)
    left = draw.uniform(0, source.width - width * share)
    top = draw.uniform(0, source.height - height * share)
    box = (left, top, left + width * share, top + height * share)
    view = source.resize((width, height), Image.Resampling.BICUBIC, box)
    return view.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if draw.random() < 0.5 else view


def _noisy(picture: Image.Image, seed: int) -> Image.Image:
    pixels: NDArray[np.float32] = np.asarray(picture, np.float32)
    noise = np.random.default_rng([SEED, seed]).normal(0, NOISE, pixels.shape)
    return Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8))
