"""The torch module as an OpenVINO graph, converted once and kept in the cache.

torch is imported in a separate process, which ends with the conversion: it would hold
several hundred megabytes until the worker ends.
"""

import errno
import multiprocessing
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import openvino as ov

from shared import log
from worker.models.catalog import ModelSpec
from worker.models.weights import ModelUnavailable

_log = log.get(__name__)

# To be raised when the same weights and versions give another graph than before.
GRAPH_VERSION = 1
_PACKAGES = ("openvino", "torch", "torchvision", "efficientnet-lite-pytorch")


def converted(core: ov.Core, spec: ModelSpec, cache: Path) -> ov.Model:
    """The model's graph: uint8 (n, crop, crop, 3) → probabilities (n, classes), in fp32.

    Args:
        core: Reads what is kept.
        spec: The model.
        cache: Where graphs are kept, each in a folder named after its weights and the versions.

    Raises:
        ModelUnavailable: The weights do not fit the architecture or the labels, or the conversion
            could not be brought to its end.
    """
    folder = cache / "openvino" / cache_key(spec)
    file = folder / "model.xml"
    if file.exists():
        try:
            return checked(core.read_model(file), spec)
        except RuntimeError as error:
            _log.warning("a converted model cannot be read: converting again", path=str(folder))
            _log.debug("why", error=str(error))
            shutil.rmtree(folder, ignore_errors=True)
    _log.info("converting the model for OpenVINO, once", model=spec.name)
    try:
        with kept_whole(folder) as scratch:
            _convert_apart(spec, scratch)
    except OSError as error:
        _log.warning(
            "the converted model cannot be kept, so the next start converts again: "
            "make MODEL_CACHE writable",
            path=str(folder),
            error=error.strerror,
        )
        return _converted_for_once(core, spec)
    return checked(core.read_model(file), spec)


def cache_key(spec: ModelSpec) -> str:
    """Everything that the graph depends on, as the name of a folder."""
    recipe = spec.recipe
    parts = [
        str(GRAPH_VERSION),
        spec.name,
        spec.sha256,
        str((recipe.crop, recipe.mean, recipe.std)),
    ]
    parts += [f"{package} {version(package)}" for package in _PACKAGES]
    return f"{spec.name}-{spec.sha256[:12]}-{sha256('/'.join(parts).encode()).hexdigest()[:12]}"


def checked(graph: ov.Model, spec: ModelSpec) -> ov.Model:
    """The graph, if there is a label for each of its classes.

    Raises:
        ModelUnavailable: There is not.
    """
    # The labels are no part of the key: they may have changed since the conversion.
    classes = graph.output(0).partial_shape[1].get_length()
    if classes != len(spec.labels):
        raise ModelUnavailable(
            f"the weights in {spec.weights_path} have {classes} classes and there are "
            f"{len(spec.labels)} labels: set MODEL_LABELS to a text file of {classes} lines"
        )
    return graph


def _converted_for_once(core: ov.Core, spec: ModelSpec) -> ov.Model:
    try:
        with tempfile.TemporaryDirectory(prefix="image-classifier-") as scratch:
            _convert_apart(spec, Path(scratch))
            # Mapped into memory, the file outlives its name.
            return checked(core.read_model(Path(scratch, "model.xml")), spec)
    except OSError as error:
        raise ModelUnavailable(
            f"the model cannot be converted ({error.strerror}): make MODEL_CACHE writable, with "
            "300 MB left"
        ) from error


def _convert_apart(spec: ModelSpec, folder: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(1, mp_context=spawn) as apart:
            apart.submit(_convert, spec, folder).result()
    except BrokenProcessPool as error:
        raise ModelUnavailable(
            "the conversion for OpenVINO was ended from outside: it needs 1.5 GB of memory for "
            "some seconds, once"
        ) from error


def _convert(spec: ModelSpec, folder: Path) -> None:
    import torch  # noqa: PLC0415 - in this process alone

    from worker.inference.architectures import build  # noqa: PLC0415 - likewise

    side = spec.recipe.crop
    module = build(spec)
    with warnings.catch_warnings():
        # torch warns of what tracing cannot see; the tests compare the graph with the module.
        warnings.simplefilter("ignore")
        graph = ov.convert_model(
            module,
            example_input=torch.zeros(1, side, side, 3, dtype=torch.uint8),
            input=[-1, side, side, 3],
        )
    save(graph, folder)


def save(graph: ov.Model, folder: Path) -> None:
    """Write a graph into a folder.

    Raises:
        OSError: The folder takes no files.
    """
    try:
        # fp32 must stay fp32: by default half the digits would be dropped.
        ov.save_model(graph, folder / "model.xml", compress_to_fp16=False)
    except RuntimeError as error:  # OpenVINO's own for a file that cannot be written
        raise OSError(errno.EIO, "the graph could not be written") from error


@contextmanager
def kept_whole(folder: Path) -> Iterator[Path]:
    """A folder to write into, that takes its place at the end: others see all of it or nothing.

    Raises:
        OSError: It cannot be made.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-") as scratch:
        yield Path(scratch)
        Path(scratch).chmod(0o755)
        try:
            Path(scratch).rename(folder)
        except OSError:
            if not folder.exists():
                raise
            return  # another process was faster, with the same graph
        Path(scratch).mkdir()  # for TemporaryDirectory to remove
