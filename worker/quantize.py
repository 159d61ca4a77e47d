"""`python -m worker.quantize PHOTOS/` makes the int8 model for `PRECISION=int8`.

It calibrates the model on the user's photos by a few recipes, compares each with fp32 on other
photos, and keeps the fastest whose answers can be trusted. The user decides whether the speed is
worth the changed answers. On an error it prints one line and exits with code 1.
"""

import argparse
import os
import random
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from worker.agreement import Probabilities, Tally
from worker.cgroup import cpu_quota
from worker.cli import SUFFIXES, class_finder, class_name, decoded, run
from worker.inference.openvino_runtime import OpenVINORuntime
from worker.inference.quantization import RECIPES, TRIED, Graph, Recipe, calibrate, keep
from worker.models.selection import ModelSpec, resolve
from worker.models.weights import ModelUnavailable
from worker.settings import WorkerSettings

T = TypeVar("T")

# More photos than these do not change the ranges; each photo costs one inference in fp32.
MOST_CALIBRATED, MOST_COMPARED = 300, 1_000
# With fewer photos, an agreement in percent means little.
LEAST = 20
# A recipe is trusted if so many first classes agree, and all where fp32 is sure.
ENOUGH = 0.99


@dataclass(frozen=True)
class Photo:
    """A preprocessed photo, uint8 (crop, crop, 3), and its class if its folder names one."""

    pixels: NDArray[np.uint8]
    label: int | None


@dataclass(frozen=True)
class Trial:
    """A recipe's graph, and how it compares with fp32."""

    recipe: Recipe
    graph: Graph
    tally: Tally
    right: str
    speed: float

    @property
    def trusted(self) -> bool:
        """Whether nearly all answers agree with fp32, and all where fp32 is sure."""
        return self.tally.agreement >= ENOUGH and not self.tally.changed[-1]

    def __str__(self) -> str:
        return (
            f"recipe {self.recipe.name}: int8 against fp32, on {self.tally}\n"
            f"  changed answers by fp32's margin: {self.tally.margins()}\n"
            f"{self.right}  {self.speed:.1f} photos per second"
        )


def read(folder: Path, spec: ModelSpec, max_pixels: int) -> list[Photo]:
    """The preprocessed photos in a folder and its subfolders, in the order of their names.

    Files that cannot be decoded are skipped and printed on stderr.

    Raises:
        ModelUnavailable: The folder has too few photos.
    """
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    chosen = files[: MOST_CALIBRATED + MOST_COMPARED]
    pixels = (decoded("quantize", file, spec, max_pixels) for file in chosen)
    class_of = class_finder(spec)
    photos = [
        # A number at the start of a file's name is rarely the index of a class.
        Photo(photo, None if name.isdigit() and file.parent == folder else class_of(name))
        for file, photo in zip(chosen, pixels, strict=True)
        if photo is not None and (name := class_name(file, folder))
    ]
    if len(photos) < LEAST:
        raise ModelUnavailable(
            f"{folder} has {len(photos)} photos (.jpg, .jpeg, .png): calibration needs at "
            f"least {LEAST}, of the kind that you classify; 300 are plenty"
        )
    return photos


def split(photos: Sequence[T]) -> tuple[list[T], list[T]]:
    """Photos for the calibration and photos for the comparison: every second photo each."""
    calibrated = photos[::2][:MOST_CALIBRATED]
    rest = [*photos[1::2], *photos[::2][MOST_CALIBRATED:]]
    return list(calibrated), list(islice(rest, MOST_COMPARED))


def measure(runtime: OpenVINORuntime, photos: Sequence[Photo]) -> tuple[list[Probabilities], float]:
    """The probabilities of all photos, and the photos per second."""
    runtime.warm_up([1])
    began = time.perf_counter()
    with ThreadPoolExecutor(runtime.concurrency) as pool:
        answers = list(pool.map(lambda photo: runtime.predict(photo.pixels[None])[0], photos))
    return answers, len(photos) / (time.perf_counter() - began)


def right(
    photos: Sequence[Photo], ours: Sequence[Probabilities], exact: Sequence[Probabilities]
) -> str:
    """A line with the share of right first classes; "" if no folder's name is a class."""
    labels = [photo.label for photo in photos]
    if unnamed := labels.count(None):
        missing = f"{unnamed} of {len(labels)} photos are in folders that name no class"
        return f"  top 1 is not checked: {missing}\n" if unnamed < len(labels) else ""
    shares = [
        np.mean([row.argmax() == label for row, label in zip(rows, labels, strict=True)])
        for rows in (ours, exact)
    ]
    return (
        f"  top 1 is right, by the names of the folders: {shares[0]:.1%}; fp32: {shares[1]:.1%}\n"
    )


def best(trials: Sequence[Trial]) -> Trial:
    """The first trusted trial; if none is, the one that agrees most.

    Args:
        trials: At least one, the fastest recipe first.
    """
    trusted = (trial for trial in trials if trial.trusted)
    return next(trusted, None) or max(trials, key=lambda trial: trial.tally.agreement)


def quantize(folder: Path, settings: WorkerSettings, recipes: Sequence[Recipe] = TRIED) -> str:
    """Calibrate the model by each recipe, compare each with fp32 and keep the best.

    Returns:
        The text to print.

    Raises:
        ModelUnavailable: The calibration failed; the text says what to do.
    """
    spec, cache = resolve(settings), settings.model_cache.expanduser()
    calibrated, compared = split(read(folder, spec, settings.max_pixels))
    pixels = [photo.pixels for photo in calibrated]

    def trial(recipe: Recipe) -> Trial:
        graph = calibrate(spec, cache, pixels, recipe)
        ours, speed = measure(OpenVINORuntime(spec, cache, "int8", graph), compared)
        tally = Tally()
        for a, b in zip(ours, exact, strict=True):
            tally.add(a, b)
        return Trial(recipe, graph, tally, right(compared, ours, exact), speed)

    # One after the other: two models at the same time would share the processor's caches.
    exact, before = measure(OpenVINORuntime(spec, cache, "fp32"), compared)
    usual = OpenVINORuntime(spec, cache, "auto")
    speeds = {"fp32": before, usual.precision: measure(usual, compared)[1]}
    trials = [trial(recipe) for recipe in recipes]
    chosen = best(trials)
    kept = keep(chosen.graph, spec, cache)
    lines = [*map(str, trials)]
    lines.append(
        "photos per second: " + ", ".join(f"{n:.1f} in {name}" for name, n in speeds.items())
    )
    lines.append(
        f"{spec.name} {spec.weights}, calibrated on {len(calibrated)} photos by recipe "
        f"{chosen.recipe.name}, is in {kept}"
    )
    lines.append("set PRECISION=int8 to use it")
    return "\n".join(lines)


def keep_quota() -> None:
    """Use no more processors than a container's limit allows.

    NNCF runs the model on all processors of this process, whatever the limit.
    """
    if quota := cpu_quota():  # only on Linux
        seen = os.sched_getaffinity(0)
        # Not always the first ones, which other processes may be limited to.
        os.sched_setaffinity(0, random.sample(sorted(seen), min(quota, len(seen))))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m worker.quantize",
        description="Calibrate the model in the settings for PRECISION=int8.",
    )
    parser.add_argument(
        "photos",
        type=Path,
        help="folder of JPEG and PNG photos, including subfolders; if each subfolder has the name "
        "of a class, the share of right answers is printed, too",
    )
    parser.add_argument(
        "--recipe",
        choices=[recipe.name for recipe in RECIPES],
        help="use only this recipe (default: try "
        f"{' and '.join(recipe.name for recipe in TRIED)}, and keep the best)",
    )
    options = parser.parse_args(arguments)
    recipes = [r for r in RECIPES if r.name == options.recipe] or TRIED
    keep_quota()
    return run("quantize", lambda: quantize(options.photos, WorkerSettings(), recipes))


if __name__ == "__main__":
    sys.exit(main())
