"""`python -m worker.calibrate LABELLED/` fits one temperature for `CALIBRATED=1`.

Half of the labelled photos choose the temperature; the other half shows how far confidences are
from how often they are right, before and after. On an error the command prints one line on stderr
and exits with code 1.
"""

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.messages import Calibration
from worker.cli import SUFFIXES, class_finder, class_name, decoded, run, say
from worker.inference import load_runtime
from worker.models.calibration import calibration_error, fit, keep, scaled
from worker.models.selection import ModelSpec, resolve
from worker.models.weights import ModelUnavailable
from worker.settings import WorkerSettings

# With fewer photos, the error that remains is mostly chance.
LEAST = 100
# More photos change the temperature by less than 1 %; each costs one decode and one inference.
MOST = 10_000


def labelled(folder: Path, spec: ModelSpec) -> list[tuple[Path, int]]:
    """The photos of a folder and their classes, in the order of their names.

    A photo's class is the name of the subfolder that it is in. A photo that is in no subfolder has
    its class before the first underscore of its name: `n02123045_7.jpg`.

    Raises:
        ModelUnavailable: There are too few photos, or a name is not a class of the model.
    """
    class_of = class_finder(spec)
    found: list[tuple[Path, int]] = []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in SUFFIXES or not path.is_file():
            continue
        name = class_name(path, folder)
        if (index := class_of(name)) is None:
            raise ModelUnavailable(
                f"{path}: '{name}' is not a class of {spec.name}: name each folder by WordNet id "
                "(n02123045), index (281) or label (tabby; if it is unique)"
            )
        found.append((path, index))
    if len(found) < LEAST:
        raise ModelUnavailable(
            f"{folder} has {len(found)} photos (.jpg, .jpeg, .png) in folders named by class: "
            f"calibration needs at least {LEAST}"
        )
    return found[:: -(-len(found) // MOST)]


def classify(
    photos: list[tuple[Path, int]], spec: ModelSpec, settings: WorkerSettings
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The model's probabilities of the photos that can be decoded, and their classes.

    Returns:
        float32 of shape (photos, classes) and int64 of shape (photos,).
    """
    runtime = load_runtime(spec, settings)

    def probabilities(photo: tuple[Path, int]) -> NDArray[np.float32] | None:
        pixels = decoded("calibrate", photo[0], spec, settings.max_pixels)
        return None if pixels is None else runtime.predict(pixels[None])[0]

    with ThreadPoolExecutor(runtime.concurrency) as pool:
        rows = list(pool.map(probabilities, photos))
    kept = [(row, index) for row, (_, index) in zip(rows, photos, strict=True) if row is not None]
    if len(kept) < LEAST:
        raise ModelUnavailable(f"only {len(kept)} photos can be decoded; at least {LEAST} must")
    return np.stack([row for row, _ in kept]), np.array([index for _, index in kept], np.int64)


def calibrate(folder: Path, settings: WorkerSettings) -> str:
    """Fit a temperature, judge it on other photos, and keep it if it helps.

    Returns:
        The text to print.

    Raises:
        ModelUnavailable: The model or the photos cannot be used, or the temperature does not help.
    """
    spec, cache = resolve(settings), settings.model_cache.expanduser()
    probabilities, classes = classify(labelled(folder, spec), spec, settings)
    # every second photo, so that both halves have all classes with two photos or more
    temperature = round(fit(probabilities[::2], classes[::2]), 4)
    others, own = probabilities[1::2], classes[1::2]
    calibration = Calibration(
        temperature=temperature,
        error_before=round(calibration_error(others, own), 4),
        error_after=round(calibration_error(scaled(others, temperature), own), 4),
        photos=len(own),
    )
    measured = (
        f"expected calibration error on {len(own)} other photos, of which "
        f"{(others.argmax(axis=1) == own).mean():.1%} are classified right: "
        f"{calibration.error_before:.4f} before, {calibration.error_after:.4f} after"
    )
    if calibration.error_after >= calibration.error_before:
        raise ModelUnavailable(
            f"temperature {temperature} does not help, so nothing is kept; {measured}"
        )
    kept = keep(spec, calibration, cache)
    if calibration.error_after > calibration.error_before / 2:
        say("calibrate", "the temperature could not halve the error; more photos may help")
    return (
        f"{spec.name} {spec.weights}: temperature {temperature}, fitted on {len(classes[::2])} "
        f"photos, is in {kept}\n{measured}\nset CALIBRATED=1 to use it"
    )


def main() -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m worker.calibrate",
        description="Fit a temperature to the model in the settings, for CALIBRATED=1.",
    )
    parser.add_argument(
        "labelled",
        type=Path,
        help="folder with one subfolder of JPEG and PNG photos for each class, named by WordNet "
        "id, index or label",
    )
    folder = parser.parse_args().labelled
    return run("calibrate", lambda: calibrate(folder, WorkerSettings()))


if __name__ == "__main__":
    sys.exit(main())
