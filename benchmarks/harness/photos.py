"""The photos that are sent to every server: from a folder, or derived from scikit-image's photos.

scikit-image's photos are cropped, flipped and scaled to common sizes, in the same way in each run.
They show things that are ImageNet classes: a cat, an espresso, a rocket, a moped from two sides, a
tripod.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np
import skimage
from numpy.typing import NDArray
from PIL import Image

SEED = 4
# width and height, and how many of 100 photos have them; the median is that of ImageNet
SIZES = {
    (500, 375): 45,
    (375, 500): 15,
    (640, 480): 20,
    (1024, 768): 10,
    (1280, 960): 5,
    (1600, 1200): 5,
}
SOURCES = [
    *("chelsea.png", "coffee.png", "rocket.jpg"),
    *("motorcycle_left.png", "motorcycle_right.png", "camera.png"),
]
NOISE = 3.0  # of 255, as from a sensor: without noise, a photo that was scaled up decodes too fast
COUNT, QUALITY = 200, 90
PHONE = (4032, 3024)
PHONE_COUNT, PHONE_QUALITY = 24, 92  # some 2 MB each
UPRIGHT, TURNED = 1, 6  # EXIF orientations: as stored, and from a phone that is held upright
ORIENTATION = 0x0112  # EXIF's tag
SMALL_TO_ONE_LARGE = 4  # of the mixed photos


class NoPhotos(Exception):
    """The folder has no photos."""


@dataclass(frozen=True)
class Workload:
    """One kind of photos, and how they are sent.

    Attributes:
        name: The name in the tables.
        photos: The files, in the order in which they are sent.
        connections: Numbers of clients in a closed loop, ascending.
    """

    name: str
    photos: list[Path]
    connections: tuple[int, ...] = (1, 8, 32)


def workloads(folder: Path | None, cache: Path) -> list[Workload]:
    """The workloads of every server: the photos of a folder, or three kinds of derived photos."""
    if folder is not None:
        return [Workload("yours", photos(folder, cache))]
    small, large = derived(cache), phone(cache)
    return [
        Workload("small", small),
        Workload("phone", large, (1, 32)),
        Workload("mixed", list(mixed(small, large)), (32,)),
    ]


def mixed(small: list[Path], large: list[Path]) -> Iterator[Path]:
    """Every small photo once, and a large photo after each `SMALL_TO_ONE_LARGE` of them."""
    each = cycle(large)
    for number, file in enumerate(small, start=1):
        yield file
        if number % SMALL_TO_ONE_LARGE == 0:
            yield next(each)


def photos(folder: Path | None, cache: Path) -> list[Path]:
    """The JPEG and PNG files of a folder, or small photos derived from scikit-image's.

    Args:
        folder: A folder, with its subfolders; None derives the photos.
        cache: Folder for derived photos.

    Raises:
        NoPhotos: The folder has no photos.
    """
    if folder is None:
        return derived(cache)
    kinds = {".jpg", ".jpeg", ".png"}
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in kinds)
    if not found:
        raise NoPhotos(f"PHOTOS={folder} has no .jpg, .jpeg or .png file")
    return found


def derived(cache: Path) -> list[Path]:
    """``COUNT`` JPEG files of the sizes `SIZES`; created if missing, always the same."""
    return _made(cache / f"small-{SEED}", COUNT, _save_small)


def phone(cache: Path) -> list[Path]:
    """``PHONE_COUNT`` JPEG files like a phone's, every second one with the orientation `TURNED`."""
    return _made(cache / f"phone-{SEED}", PHONE_COUNT, _save_phone)


def _made(folder: Path, count: int, save: Callable[[int, Path], None]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{number:03}.jpg" for number in range(count)]
    for number, file in enumerate(files):
        if not file.exists():
            # otherwise an interrupted run would leave half a photo
            save(number, part := file.with_suffix(".part"))
            part.rename(file)
    return files


def _save_small(number: int, file: Path) -> None:
    draw = random.Random(f"{SEED} {number}")  # noqa: S311 - to be repeated
    size = draw.choices(list(SIZES), list(SIZES.values()))[0]
    _noisy(_view(number, size, draw), number).save(file, "JPEG", quality=QUALITY)


def _save_phone(number: int, file: Path) -> None:
    draw = random.Random(f"{SEED} phone {number}")  # noqa: S311 - to be repeated
    turned = number % 2 == 1
    view = _view(number, PHONE[::-1] if turned else PHONE, draw)
    # the sensor lies on its side while the phone is held upright
    stored = view.transpose(Image.Transpose.ROTATE_90) if turned else view
    exif = Image.Exif()
    exif[ORIENTATION] = TURNED if turned else UPRIGHT
    _noisy(stored, number).save(file, "JPEG", quality=PHONE_QUALITY, exif=exif)


def _view(number: int, size: tuple[int, int], draw: random.Random) -> Image.Image:
    """A random crop of a source photo, scaled to ``size``."""
    data = Path(skimage.__file__).parent / "data"
    source = Image.open(data / SOURCES[number % len(SOURCES)]).convert("RGB")
    width, height = size
    share = draw.uniform(0.7, 1) * min(source.width / width, source.height / height)
    left = draw.uniform(0, source.width - width * share)
    top = draw.uniform(0, source.height - height * share)
    box = (left, top, left + width * share, top + height * share)
    view = source.resize(size, Image.Resampling.BICUBIC, box)
    return view.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if draw.random() < 0.5 else view


def _noisy(picture: Image.Image, seed: int) -> Image.Image:
    pixels: NDArray[np.float32] = np.asarray(picture, np.float32)
    noise = np.random.default_rng([SEED, seed]).standard_normal(pixels.shape, np.float32)
    return Image.fromarray(np.clip(pixels + NOISE * noise, 0, 255).astype(np.uint8))
