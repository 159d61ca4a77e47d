"""A conversion that fails says what happened: full disks, crashes, kills."""

import os
import signal
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from openvino import opset15 as opset

from tests.support.disks import files_of_at_most
from tests.support.networks import of_file, told
from worker.inference import conversion, quantization
from worker.models import cache as model_cache

LARGE = 4 << 20


def graph(size: int) -> ov.Model:
    """A graph whose weights take that many bytes."""
    numbers = opset.parameter([-1, 64], np.float32)
    weights = np.random.default_rng(0).random((64, size // 256), np.float32)
    return ov.Model(opset.matmul(numbers, weights, False, False), [numbers])


def test_a_graph_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    with files_of_at_most(LARGE // 2), pytest.raises(OSError, match="File too large"):
        conversion.save(graph(LARGE), tmp_path)


def test_a_calibrated_graph_that_cannot_be_written_leaves_the_older_one(tmp_path: Path) -> None:
    spec = of_file(Path(__file__))
    kept = quantization.keep(graph(1 << 16), spec, tmp_path)
    before = {file.name: file.read_bytes() for file in kept.iterdir()}
    with files_of_at_most(LARGE // 2):
        line = told(lambda: quantization.keep(graph(LARGE), spec, tmp_path))
    assert line.startswith(f"MODEL_CACHE={tmp_path} cannot be written (File too large)")
    assert {file.name: file.read_bytes() for file in kept.iterdir()} == before
    assert list(kept.parent.iterdir()) == [kept]
    quantization.keep(graph(1 << 17), spec, tmp_path)
    assert {file.name: file.read_bytes() for file in kept.iterdir()} != before


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("ENOSPC", "(No space left on device): free 300 MB there"),
        ("EDQUOT", "(Disk quota exceeded): free 300 MB there"),
        ("EROFS", "(Read-only file system): make it writable"),
        ("EACCES", "(Permission denied): make it writable"),
        ("ENOTDIR", "(Not a directory): set MODEL_CACHE to a writable folder"),
    ],
)
def test_each_cause_has_its_advice(code: str, advice: str) -> None:
    number = getattr(__import__("errno"), code)
    line = model_cache.why_not_written(Path("/cache"), OSError(number, os.strerror(number)))
    assert line.startswith(f"MODEL_CACHE=/cache cannot be written {advice}")


def killed(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def crashed(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def ended(*_: object) -> None:
    os._exit(7)


@pytest.mark.parametrize(
    ("end", "line"),
    [
        (killed, "was killed, probably for lack of memory: it needs 1.5 GB"),
        (crashed, "the process that converts the model crashed (SIGSEGV)"),
        (ended, "ended with exit code 7; see the lines above"),
    ],
)
def test_the_end_of_the_converting_process_is_told_as_what_it_was(
    end: object, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversion, "_convert", end)
    spec = of_file(Path(__file__))
    assert line in told(lambda: conversion.converted(spec, tmp_path))
    assert list((tmp_path / "openvino").iterdir()) == []
