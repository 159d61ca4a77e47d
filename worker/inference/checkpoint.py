"""Reads a file of weights into a state dict, or says what else the file is."""

import hashlib
import io
import pickle
import re
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor

from worker.models.weights import ModelUnavailable

State = dict[str, Tensor]

SAVE = "save it with torch.save(model.state_dict(), path)"
# Keys under which training programs save the weights, the most likely first.
_WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "network", "module", "weights")
_ZIP = b"PK\x03\x04"
_UNREADABLE = (
    SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError,
    AttributeError, IndexError, TypeError, OSError,
)  # fmt: skip


def read_state(path: Path, sha256: str) -> State:
    """The weights in a file.

    Args:
        path: A `.safetensors` file, or a file written by `torch.save`.
        sha256: SHA-256 of the file when it was chosen; the file must not have changed since.

    Returns:
        Tensors by name, without the dictionaries that wrappers such as DataParallel,
        `torch.compile` or Lightning put around them.

    Raises:
        ModelUnavailable: The file has changed, or has no weights that can be loaded safely.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelUnavailable(f"{path} cannot be read ({error.strerror})") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ModelUnavailable(f"{path} was replaced while the model was loaded: start again")
    if fault := _not_weights(content):
        raise ModelUnavailable(f"{path} {fault}")
    try:
        if path.suffix == ".safetensors":
            return dict(load_safetensors(content))
        loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        raise ModelUnavailable(f"{path} {_reason(content, error)}") from error
    return _unwrapped(path, loaded)


def without_prefix(state: State, wanted: list[str]) -> State:
    """The same weights under the names that the architecture gives them.

    Prefixes such as `module.`, `_orig_mod.` and `model.` are removed. If all needed names have the
    prefix, weights without the prefix (for example of a loss) are left out.
    """
    first = wanted[0]
    prefixes = sorted((n.removesuffix(first) for n in state if n.endswith("." + first)), key=len)
    if first in state or not prefixes:
        return state
    prefix = prefixes[0]
    inner = {n.removeprefix(prefix): t for n, t in state.items() if n.startswith(prefix)}
    outer = {n: t for n, t in state.items() if not n.startswith(prefix)}
    return inner if set(wanted) <= set(inner) else {**outer, **inner}


def not_finite(state: State) -> list[str]:
    """The names of the tensors that contain NaN or infinite numbers."""
    return [n for n, t in state.items() if t.is_floating_point() and not t.isfinite().all()]


def _not_weights(content: bytes) -> str | None:
    """What the file is, if it is something that is often found in place of weights."""
    start = content[:512].lstrip().lower()
    if not content:
        return "is empty: download or copy it again"
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "is a web page or an error message of a server, not weights: download it again"
    if start.startswith(b"version https://git-lfs"):
        return "is a pointer of Git LFS, not weights: run `git lfs pull`"
    return None


def _reason(content: bytes, error: Exception) -> str:
    foreign = re.search(r"GLOBAL ([\w.]+)", str(error))
    if foreign:
        return f"holds {foreign[1]}, not only weights that can be loaded safely: {SAVE}"
    if isinstance(error, SafetensorError) or content.startswith(_ZIP):
        return "is truncated or damaged and cannot be loaded: download or copy it again"
    return f"is not a file of weights that can be loaded safely: {SAVE}"


def _unwrapped(path: Path, loaded: Any) -> State:
    if _is_state(loaded):
        return dict(loaded)
    inner = {n: v for n, v in loaded.items() if _is_state(v)} if isinstance(loaded, dict) else {}
    names = [name for name in _WRAPPERS if name in inner] or list(inner)
    if names:
        return dict(inner[names[0]])
    found = _listed(loaded) if isinstance(loaded, dict) else type(loaded).__name__
    raise ModelUnavailable(
        f"{path} holds no weights: wanted a dictionary of tensors, by itself or as "
        f"{' or '.join(_WRAPPERS[:3])}; found {found}; {SAVE}"
    )


def _is_state(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and bool(value)
        and all(isinstance(n, str) and isinstance(t, Tensor) for n, t in value.items())
    )


def _listed(names: Any, most: int = 4) -> str:
    shown = [str(name)[:60] for name in list(names)[:most]]
    rest = len(names) - len(shown)
    return (", ".join(shown) or "nothing") + (f" and {rest} more" if rest > 0 else "")


def misfit(missing: list[str], unexpected: list[str]) -> str:
    """The names that are missing in the file, and the unexpected names in it, as text."""
    return f"wanted {_listed(missing)}; found {_listed(unexpected)}"
