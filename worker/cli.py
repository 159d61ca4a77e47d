"""Helpers for the worker's commands, which print a result or one line with an error."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from shared.errors import ServiceError
from shared.settings import explain
from worker.imaging.preprocess import preprocess
from worker.models.selection import ModelSpec
from worker.models.weights import ModelUnavailable
from worker.processing.predictions import imagenet

SUFFIXES = {".jpg", ".jpeg", ".png"}


def decoded(name: str, file: Path, spec: ModelSpec, max_pixels: int) -> NDArray[np.uint8] | None:
    """A photo as the model's input; ``None`` after a line on stderr if it cannot be decoded.

    Args:
        name: The command's name, for the line.
        file: A JPEG or PNG file.
        spec: The model.
        max_pixels: The most pixels to decode.

    Returns:
        uint8 of shape (crop, crop, 3).
    """
    try:
        return preprocess(file.read_bytes(), spec.recipe, max_pixels)
    except (ServiceError, OSError) as error:
        say(name, f"skipped {file}: {error}")
        return None


def class_finder(spec: ModelSpec) -> Callable[[str], int | None]:
    """A function from the name of a folder to its class: by label, WordNet id or index.

    A label that several classes share names none of them.
    """
    names = {str(index): index for index in range(len(spec.labels))}
    if spec.imagenet:
        names |= {wnid: index for index, wnid in enumerate(imagenet().wnids)}
    for index, label in enumerate(spec.labels):
        if spec.labels.count(label) == 1:
            names[label] = index
    return names.get


def class_name(photo: Path, folder: Path) -> str:
    """The name of a photo's class, as the folder says it.

    Args:
        photo: A file in ``folder`` or its subfolders.
        folder: The folder of all photos.

    Returns:
        The subfolder that the photo is in. For a photo in no subfolder, the part of its own name
        before the first underscore: `n02123045_7.jpg`.
    """
    inside = photo.relative_to(folder).parts
    return inside[0] if len(inside) > 1 else photo.stem.partition("_")[0]


def run(name: str, work: Callable[[], str]) -> int:
    """Print the result of ``work``, or its error on stderr.

    Args:
        name: The command's name, for the error line.
        work: Returns the text to print.

    Returns:
        The exit code: 0, or 1 after an error.
    """
    try:
        print(work())  # noqa: T201 - the output of a command
    except ValidationError as error:
        say(name, explain(error))
    except ModelUnavailable as error:
        say(name, str(error))
    else:
        return 0
    return 1


def say(name: str, line: str) -> None:
    """Print one line on stderr."""
    print(f"{name}: {line}", file=sys.stderr)  # noqa: T201 - as above
