"""The path for GPUs, as far as a machine without one can show it."""

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from tests.support.networks import failing, noise, of_file, settings
from worker import inference
from worker.inference import load_runtime, torch_runtime
from worker.inference.runtime import OutOfMemory
from worker.inference.torch_runtime import TorchRuntime

# torch and OpenVINO warn about themselves, and the weights' package about its age
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


class MeanColour(torch.nn.Module):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels.float().mean(dim=(1, 2)).div(10).softmax(dim=1)


class FakeCuda:
    """As far as a machine without a GPU can show it: what torch is asked for, on the processor."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def copy(tensor: torch.Tensor, _: object, *, non_blocking: bool) -> torch.Tensor:
            self.copies.append(non_blocking)
            return tensor

        self.bf16 = True
        self.pinned = self.emptied = 0
        self._empty = torch.empty
        monkeypatch.setattr(torch_runtime, "build", lambda _: MeanColour())
        monkeypatch.setattr(torch, "device", lambda _: SimpleNamespace(type="cuda"))
        monkeypatch.setattr(torch, "empty", self._pin)
        monkeypatch.setattr(torch.nn.Module, "to", lambda module, *_, **__: module)
        monkeypatch.setattr(torch.Tensor, "to", copy)
        monkeypatch.setattr(torch.cuda, "device", lambda _: nullcontext())
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: self.bf16)
        monkeypatch.setattr(torch.cuda, "empty_cache", self._note_emptied)
        monkeypatch.setattr(torch, "autocast", self._autocast)
        for name in ("benchmark", "allow_tf32"):  # for monkeypatch to restore
            monkeypatch.setattr(torch.backends.cudnn, name, getattr(torch.backends.cudnn, name))
        self.autocasts: list[tuple[torch.dtype, bool]] = []
        self.copies: list[bool] = []

    def _pin(self, *size: Any, pin_memory: bool = False, **options: Any) -> torch.Tensor:
        self.pinned += pin_memory
        return self._empty(*size, **options)

    def _note_emptied(self) -> None:
        self.emptied += 1

    def _autocast(self, kind: str, *, dtype: torch.dtype, enabled: bool) -> object:
        assert kind == "cuda"
        self.autocasts.append((dtype, enabled))
        return nullcontext()


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    return FakeCuda(monkeypatch)


@pytest.mark.parametrize(
    ("wanted", "native", "computed"),
    [
        ("auto", True, ("bf16", torch.bfloat16, True)),
        ("auto", False, ("fp16", torch.float16, True)),
        ("fp32", True, ("fp32", torch.float32, False)),
    ],
)
def test_a_gpu_gets_pinned_photos_and_its_own_precision(
    wanted: str, native: bool, computed: tuple[str, torch.dtype, bool], cuda: FakeCuda
) -> None:
    cuda.bf16 = native
    runtime = TorchRuntime(of_file(Path(__file__)), "cuda:1", wanted)
    answers = runtime.predict(noise(8)[:2])
    assert (runtime.device, runtime.precision) == ("cuda:1", computed[0])
    assert cuda.autocasts == [computed[1:]]
    assert (cuda.pinned, cuda.copies) == (1, [True])
    assert torch.backends.cudnn.benchmark
    assert not torch.backends.cudnn.allow_tf32
    assert np.abs(answers - MeanColour()(torch.from_numpy(noise(8)[:2])).numpy()).max() < 1e-6


def test_a_gpu_without_memory_is_swept_before_half_the_batch_is_tried(cuda: FakeCuda) -> None:
    runtime = TorchRuntime(of_file(Path(__file__)), "cuda:0", "auto")
    runtime._model = failing(torch.OutOfMemoryError("CUDA out of memory"))
    with pytest.raises(OutOfMemory):
        runtime.predict(noise(2))
    assert cuda.emptied == 1


@pytest.mark.parametrize(("device", "chosen"), [("auto", "cuda:0"), ("cuda:1", "cuda:1")])
def test_each_process_takes_the_gpu_that_it_is_told(
    device: str, chosen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[str, str]] = []
    monkeypatch.setattr(inference, "_GPU_SIGNS", ("/",))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(
        torch_runtime, "TorchRuntime", lambda _, device, precision: made.append((device, precision))
    )
    load_runtime(of_file(Path(__file__)), settings(tmp_path, device=device))
    assert made == [(chosen, "auto")]
