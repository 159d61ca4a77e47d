"""Converts the torch module into an OpenVINO graph, once, and keeps the graph in the cache.

Only a separate process, which exits after the conversion, imports torch. In the worker, torch would
occupy several hundred megabytes until the worker exits.
"""

import multiprocessing
import shutil
import signal
import tempfile
import warnings
from functools import cache as cached
from hashlib import sha256
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path

import openvino as ov
from openvino.op import Constant

from shared import log
from worker.models.cache import NEEDED_MB, why_not_written, write_error, written_whole
from worker.models.selection import ModelSpec
from worker.models.weights import ModelUnavailable

_log = log.get(__name__)

# Increase this if the same weights and versions result in a different graph than before.
GRAPH_VERSION = 1
_PACKAGES = ("openvino", "torch", "torchvision", "efficientnet-lite-pytorch")


@cached
def core() -> ov.Core:
    """The only Core of this process, kept until its end.

    A Core gives the thread that creates it a stack for signal handlers, and frees that stack at its
    own end. If several Cores end in another order than the reverse of their creation, or in another
    thread, the thread keeps a freed stack, and the next signal ends the process (OpenVINO 2026.4).
    """
    return ov.Core()


def converted(spec: ModelSpec, cache: Path) -> ov.Model:
    """The model's graph: uint8 (n, crop, crop, 3) → probabilities (n, classes), in fp32.

    Args:
        spec: The model.
        cache: The folder of all graphs, each in a folder named after its weights and the versions.

    Raises:
        ModelUnavailable: The weights do not match the architecture or the labels, or the conversion
            failed.
    """
    folder = cache / "openvino" / cache_key(spec)
    file = folder / "model.xml"
    if file.exists():
        try:
            return checked(core().read_model(file), spec)
        except RuntimeError as error:
            _log.warning("a converted model cannot be read: converting again", path=str(folder))
            _log.debug("why", error=str(error))
            shutil.rmtree(folder, ignore_errors=True)
    _log.info("converting the model for OpenVINO, once", model=spec.name)
    try:
        with written_whole(folder) as scratch:
            _convert_apart(spec, scratch)
    except OSError as error:
        _log.warning(
            "the converted model is not kept, so the next start converts it again: "
            + why_not_written(folder.parent.parent, error)
        )
        return _converted_for_once(spec)
    return checked(core().read_model(file), spec)


def cache_key(spec: ModelSpec) -> str:
    """The name of the graph's folder; it depends on everything that the graph depends on."""
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
    """The graph, after a check that each of its classes has a label.

    Raises:
        ModelUnavailable: The graph has more or fewer classes than labels.
    """
    # The cache key does not include the labels, so they may have changed since the conversion.
    classes = graph.output(0).partial_shape[1].get_length()
    if classes != len(spec.labels):
        raise ModelUnavailable(
            f"the weights in {spec.weights_path} have {classes} classes and there are "
            f"{len(spec.labels)} labels: set MODEL_LABELS to a text file of {classes} lines"
        )
    return graph


def _converted_for_once(spec: ModelSpec) -> ov.Model:
    try:
        with tempfile.TemporaryDirectory(prefix="image-classifier-") as scratch:
            _convert_apart(spec, Path(scratch))
            # The file is mapped into memory, so it can be deleted.
            return checked(core().read_model(Path(scratch, "model.xml")), spec)
    except OSError as error:
        raise ModelUnavailable(
            f"the model cannot be converted, because {tempfile.gettempdir()} cannot be written "
            f"either ({error.strerror}): set MODEL_CACHE to a writable folder with {NEEDED_MB} MB "
            "left"
        ) from error


def _convert_apart(spec: ModelSpec, folder: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    receiver, sender = spawn.Pipe(duplex=False)
    process = spawn.Process(target=_convert, args=(spec, folder, sender))
    process.start()
    sender.close()
    try:
        error: Exception | None = receiver.recv()
    except EOFError:
        process.join()
        raise ModelUnavailable(_why_ended(process.exitcode or 0)) from None
    process.join()
    if error is not None:
        raise error


def _why_ended(code: int) -> str:
    """Why the converting process exited without sending a result."""
    if code == -signal.SIGKILL:
        return (
            "the process that converts the model was killed, probably for lack of memory: it needs "
            "1.5 GB for some seconds, once"
        )
    if code < 0:
        return f"the process that converts the model crashed ({signal.Signals(-code).name})"
    return f"the process that converts the model ended with exit code {code}; see the lines above"


def _convert(spec: ModelSpec, folder: Path, sender: "Connection[Exception | None, object]") -> None:
    import torch  # noqa: PLC0415 - only in this process

    from worker.inference.architectures import build  # noqa: PLC0415 - imports torch

    side = spec.recipe.crop
    try:
        module = build(spec)
        with warnings.catch_warnings():
            # torch warns of code that tracing cannot follow; tests compare graph and module.
            warnings.simplefilter("ignore")
            graph = ov.convert_model(
                module,
                example_input=torch.zeros(1, side, side, 3, dtype=torch.uint8),
                input=[-1, side, side, 3],
            )
        save(graph, folder)
    except (ModelUnavailable, OSError) as error:
        sender.send(error)
    else:
        sender.send(None)


def save(graph: ov.Model, folder: Path) -> None:
    """Write a graph into a folder.

    Raises:
        OSError: The folder cannot be written.
    """
    try:
        # Keep fp32: by default the weights would be saved in fp16.
        ov.save_model(graph, folder / "model.xml", compress_to_fp16=False)
    except RuntimeError as error:  # "iostream error", whatever the reason
        weights = [op.get_byte_size() for op in graph.get_ops() if isinstance(op, Constant)]
        raise write_error(folder, sum(weights)) from error
