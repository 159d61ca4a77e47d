"""`python -m worker.quantize PHOTOS/` makes the int8 model that `PRECISION=int8` serves.

It is calibrated on the user's own photos and compared with fp32 on others of them: whether the
speed is worth the answers that change is for the user to say. Errors are one line and exit code 1.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.errors import ServiceError
from worker.cli import run, say
from worker.imaging.preprocess import preprocess
from worker.inference.openvino_runtime import OpenVINORuntime
from worker.inference.quantization import calibrate
from worker.models.catalog import ModelSpec, resolve
from worker.models.weights import ModelUnavailable
from worker.settings import WorkerSettings

Pixels = NDArray[np.uint8]
Probabilities = NDArray[np.float32]

SUFFIXES = {".jpg", ".jpeg", ".png"}
# More than this change the ranges no more; each costs one inference in fp32.
MOST_CALIBRATED, MOST_COMPARED = 300, 1_000
# Below this an agreement in percent says little.
LEAST = 20


@dataclass
class Tally:
    """Counts over the views that were compared."""

    views: int = 0
    top_1: int = 0
    top_3: int = 0
    furthest: float = 0.0

    def add(self, ours: Probabilities, theirs: Probabilities) -> bool:
        """Count one view; says whether both see the same class."""
        a, b = np.argsort(-ours)[:3], np.argsort(-theirs)[:3]
        same = bool(a[0] == b[0])
        self.views += 1
        self.top_1 += same
        self.top_3 += bool((a == b).all())
        self.furthest = max(self.furthest, float(np.abs(ours - theirs).max()))
        return same

    def __str__(self) -> str:
        return (
            f"{self.views} views: top 1 agrees on {self.top_1 / self.views:.2%}, top 3 in order on "
            f"{self.top_3 / self.views:.2%}, confidence differs by {self.furthest:.4f} at most"
        )


def read(folder: Path, spec: ModelSpec, max_pixels: int) -> list[Pixels]:
    """Every photo under a folder, in the order of their names, as the model sees it.

    What cannot be decoded is named on stderr and left out.

    Raises:
        ModelUnavailable: There are too few.
    """
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    photos: list[Pixels] = []
    for file in files[: MOST_CALIBRATED + MOST_COMPARED]:
        try:
            photos.append(preprocess(file.read_bytes(), spec.recipe, max_pixels))
        except (ServiceError, OSError) as error:
            say("quantize", f"left out {file}: {error}")
    if len(photos) < LEAST:
        raise ModelUnavailable(
            f"{folder} has {len(photos)} photos (.jpg, .jpeg, .png): calibration needs {LEAST} at "
            "least, of the kind that you classify; 300 are plenty"
        )
    return photos


def split(photos: Sequence[Pixels]) -> tuple[list[Pixels], list[Pixels]]:
    """Photos to calibrate on, and others to compare on: every second one each, as far as needed."""
    calibrated = photos[::2][:MOST_CALIBRATED]
    rest = [*photos[1::2], *photos[::2][MOST_CALIBRATED:]]
    return list(calibrated), list(islice(rest, MOST_COMPARED))


def measure(
    runtime: OpenVINORuntime, photos: Sequence[Pixels]
) -> tuple[list[Probabilities], float]:
    """The answers to all photos, and how many a second came."""
    runtime.warm_up([1])
    began = time.perf_counter()
    with ThreadPoolExecutor(runtime.concurrency) as pool:
        answers = list(pool.map(lambda photo: runtime.predict(photo[None])[0], photos))
    return answers, len(photos) / (time.perf_counter() - began)


def quantize(folder: Path, settings: WorkerSettings) -> str:
    """Calibrate, keep, compare.

    Returns:
        What to tell the user.

    Raises:
        ModelUnavailable: It cannot be done; the text says what to do.
    """
    spec, cache = resolve(settings), settings.model_cache.expanduser()
    calibrated, compared = split(read(folder, spec, settings.max_pixels))
    kept = calibrate(spec, cache, calibrated)
    # One after the other: two models side by side would share the processor's caches.
    exact, before = measure(OpenVINORuntime(spec, cache, "fp32"), compared)
    rounded, after = measure(OpenVINORuntime(spec, cache, "int8"), compared)
    tally = Tally()
    for ours, theirs in zip(rounded, exact, strict=True):
        tally.add(ours, theirs)
    return (
        f"{spec.name} {spec.weights}, calibrated on {len(calibrated)} photos, is in {kept}\n"
        f"int8 against fp32, on {tally}\n"
        f"photos a second: {after:.1f} in int8, {before:.1f} in fp32\n"
        "PRECISION=int8 serves it"
    )


def main() -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m worker.quantize",
        description="Calibrate the model that the settings ask for, for PRECISION=int8.",
    )
    parser.add_argument("photos", type=Path, help="folder of JPEG and PNG photos, to any depth")
    folder = parser.parse_args().photos
    return run("quantize", lambda: quantize(folder, WorkerSettings()))


if __name__ == "__main__":
    sys.exit(main())
