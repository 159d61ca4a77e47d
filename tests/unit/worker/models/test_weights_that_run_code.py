"""A file of weights may come from anywhere: reading it runs nothing that it holds."""

import importlib
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from worker.models.selection import ModelUnavailable, resolve
from worker.settings import WorkerSettings


class Bomb:
    """Makes a folder when it is unpickled without care."""

    def __init__(self, trace: Path) -> None:
        self._trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self._trace),)


def write(content: object, file: Path, form: str) -> None:
    torch = importlib.import_module("torch")  # here, because it takes three seconds
    if form == "pickle":
        file.write_bytes(pickle.dumps(content, protocol=2))
    else:
        torch.save(content, file, _use_new_zipfile_serialization=form == "archive")


@pytest.mark.parametrize("form", ["archive", "old archive", "pickle"])
@pytest.mark.parametrize("name", ["weights.pth", "weights.pt"])
def test_a_pickle_that_runs_code_is_refused_and_does_not_run(
    form: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace, file = tmp_path / "it ran", tmp_path / name
    write({"fc.weight": Bomb(trace)}, file, form)
    monkeypatch.setenv("MODEL", "resnet50")
    monkeypatch.setenv("MODEL_WEIGHTS", str(file))
    monkeypatch.setenv("MODEL_RECIPE", "IMAGENET1K_V2")
    architectures = importlib.import_module("worker.inference.architectures")
    with pytest.raises(ModelUnavailable, match="not only weights that can be loaded safely"):
        architectures.build(resolve(WorkerSettings()))
    assert not trace.exists()
