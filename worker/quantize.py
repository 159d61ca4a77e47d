"""`python -m worker.quantize PHOTOS/` makes the int8 model for `PRECISION=int8`.

It calibrates the model on the user's photos and compares it with fp32 on other photos. The user
decides whether the speed is worth the changed predictions. On an error it prints one line and exits
with code 1.
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

from worker.cli import SUFFIXES, decoded, run
from worker.inference.openvino_runtime import OpenVINORuntime
from worker.inference.quantization import calibrate
from worker.models.selection import ModelSpec, resolve
from worker.models.weights import ModelUnavailable
from worker.settings import WorkerSettings

Pixels = NDArray[np.uint8]
Probabilities = NDArray[np.float32]

# More photos than these do not change the ranges; each photo costs one inference in fp32.
MOST_CALIBRATED, MOST_COMPARED = 300, 1_000
# With fewer photos, an agreement in percent means little.
LEAST = 20


@dataclass
class Tally:
    """Counts over the compared views."""

    views: int = 0
    top_1: int = 0
    top_3: int = 0
    furthest: float = 0.0

    def add(self, ours: Probabilities, theirs: Probabilities) -> bool:
        """Count one view; returns whether both models have the same first class."""
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
            f"{self.top_3 / self.views:.2%}, confidence differs by at most {self.furthest:.4f}"
        )


def read(folder: Path, spec: ModelSpec, max_pixels: int) -> list[Pixels]:
    """The preprocessed photos in a folder and its subfolders, in the order of their names.

    Files that cannot be decoded are skipped and printed on stderr.

    Raises:
        ModelUnavailable: The folder has too few photos.
    """
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    chosen = files[: MOST_CALIBRATED + MOST_COMPARED]
    read = (decoded("quantize", file, spec, max_pixels) for file in chosen)
    photos = [photo for photo in read if photo is not None]
    if len(photos) < LEAST:
        raise ModelUnavailable(
            f"{folder} has {len(photos)} photos (.jpg, .jpeg, .png): calibration needs at "
            f"least {LEAST}, of the kind that you classify; 300 are plenty"
        )
    return photos


def split(photos: Sequence[Pixels]) -> tuple[list[Pixels], list[Pixels]]:
    """Photos for the calibration and photos for the comparison: every second photo each."""
    calibrated = photos[::2][:MOST_CALIBRATED]
    rest = [*photos[1::2], *photos[::2][MOST_CALIBRATED:]]
    return list(calibrated), list(islice(rest, MOST_COMPARED))


def measure(
    runtime: OpenVINORuntime, photos: Sequence[Pixels]
) -> tuple[list[Probabilities], float]:
    """The probabilities of all photos, and the photos per second."""
    runtime.warm_up([1])
    began = time.perf_counter()
    with ThreadPoolExecutor(runtime.concurrency) as pool:
        answers = list(pool.map(lambda photo: runtime.predict(photo[None])[0], photos))
    return answers, len(photos) / (time.perf_counter() - began)


def quantize(folder: Path, settings: WorkerSettings) -> str:
    """Calibrate the model, keep it and compare it with fp32.

    Returns:
        The text to print.

    Raises:
        ModelUnavailable: The calibration failed; the text says what to do.
    """
    spec, cache = resolve(settings), settings.model_cache.expanduser()
    calibrated, compared = split(read(folder, spec, settings.max_pixels))
    kept = calibrate(spec, cache, calibrated)
    # One after the other: two models at the same time would share the processor's caches.
    exact, before = measure(OpenVINORuntime(spec, cache, "fp32"), compared)
    rounded, after = measure(OpenVINORuntime(spec, cache, "int8"), compared)
    tally = Tally()
    for ours, theirs in zip(rounded, exact, strict=True):
        tally.add(ours, theirs)
    return (
        f"{spec.name} {spec.weights}, calibrated on {len(calibrated)} photos, is in {kept}\n"
        f"int8 against fp32, on {tally}\n"
        f"photos per second: {after:.1f} in int8, {before:.1f} in fp32\n"
        "set PRECISION=int8 to use it"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m worker.quantize",
        description="Calibrate the model in the settings for PRECISION=int8.",
    )
    parser.add_argument(
        "photos", type=Path, help="folder of JPEG and PNG photos, including subfolders"
    )
    folder = parser.parse_args(arguments).photos
    return run("quantize", lambda: quantize(folder, WorkerSettings()))


if __name__ == "__main__":
    sys.exit(main())
