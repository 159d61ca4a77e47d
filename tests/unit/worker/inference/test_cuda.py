"""The path for GPUs, as far as a machine without one can show it."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from tests.support.networks import noise, of_file, settings, told
from worker import inference
from worker.inference import load_runtime, torch_runtime
from worker.inference.runtime import OutOfMemory
from worker.inference.torch_runtime import TorchRuntime
from worker.models.selection import ModelSpec

# torch and OpenVINO warn about themselves, and the weights' package about its age
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


class MeanColour(torch.nn.Module):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels.float().mean(dim=(1, 2)).div(10).softmax(dim=1)

    def cast(self, dtype: torch.dtype) -> None:
        self.dtype = dtype

    def to(self, *_: Any, **__: Any) -> "MeanColour":
        """Stay on the processor."""
        return self


class NoMemory(MeanColour):
    def forward(self, _: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")


class FakeCuda:
    """As far as a machine without a GPU can show it: what torch is asked for, on the processor."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def copy(tensor: torch.Tensor, _: object, *, non_blocking: bool) -> torch.Tensor:
            self.copies.append(non_blocking)
            return tensor

        self.bf16 = True
        self.pinned = self.emptied = 0
        self._empty = torch.empty
        monkeypatch.setattr(torch, "device", lambda _: SimpleNamespace(type="cuda"))
        monkeypatch.setattr(torch, "empty", self._pin)
        monkeypatch.setattr(torch.Tensor, "to", copy)
        monkeypatch.setattr(torch.cuda, "device", lambda _: nullcontext())
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: self.bf16)
        monkeypatch.setattr(torch.cuda, "empty_cache", self._note_emptied)
        self.copies: list[bool] = []

    def _pin(self, *size: Any, pin_memory: bool = False, **options: Any) -> torch.Tensor:
        self.pinned += pin_memory
        return self._empty(*size, **options)

    def _note_emptied(self) -> None:
        self.emptied += 1


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCuda]:
    with torch.backends.cudnn.flags(enabled=True):  # restores what the runtime sets
        yield FakeCuda(monkeypatch)


@pytest.mark.parametrize(
    ("wanted", "native", "computed"),
    [
        ("auto", True, ("bf16", torch.bfloat16)),
        ("auto", False, ("fp16", torch.float16)),
        ("fp32", True, ("fp32", None)),
    ],
)
def test_a_gpu_gets_pinned_photos_and_its_own_precision(
    wanted: str, native: bool, computed: tuple[str, torch.dtype | None], cuda: FakeCuda
) -> None:
    cuda.bf16 = native
    runtime = TorchRuntime(of_file(Path(__file__)), "cuda:1", wanted, lambda _: MeanColour())
    answers = runtime.predict(noise(8)[:2])
    assert (runtime.device, runtime.precision) == ("cuda:1", computed[0])
    assert getattr(runtime._model, "dtype", None) == computed[1]
    assert (cuda.pinned, cuda.copies) == (1, [True])
    assert torch.backends.cudnn.benchmark
    assert not torch.backends.cudnn.allow_tf32
    assert np.abs(answers - MeanColour()(torch.from_numpy(noise(8)[:2])).numpy()).max() < 1e-6


@pytest.mark.usefixtures("cuda")
def test_the_packaged_model_is_never_rounded_unasked_on_a_gpu() -> None:
    fragile = replace(of_file(Path(__file__)), name="efficientnet_lite0")
    assert TorchRuntime(fragile, "cuda:0", "auto", lambda _: MeanColour()).precision == "fp32"
    assert TorchRuntime(fragile, "cuda:0", "bf16", lambda _: MeanColour()).precision == "bf16"


def test_a_gpu_without_memory_is_swept_before_half_the_batch_is_tried(cuda: FakeCuda) -> None:
    runtime = TorchRuntime(of_file(Path(__file__)), "cuda:0", "auto", lambda _: NoMemory())
    with pytest.raises(OutOfMemory):
        runtime.predict(noise(2))
    assert cuda.emptied == 1


class Gpus:
    """A machine with two GPUs as far as torch says; `fault` is what the model raises on them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.started: list[tuple[str, str]] = []
        self.fault: Exception | None = None
        self.confidence = 0.5
        self._on_processor = TorchRuntime
        monkeypatch.setattr(inference, "_GPU_SIGNS", ("/",))
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Tesla K80")
        monkeypatch.setattr(torch_runtime, "TorchRuntime", self._load)

    def _load(self, spec: ModelSpec, device: str, precision: str) -> object:
        if device == "cpu":
            return self._on_processor(spec, device, precision)
        self.started.append((device, precision))
        if self.fault:
            raise self.fault
        return SimpleNamespace(
            predict=lambda batch: np.full((len(batch), 2), self.confidence),
            device=device,
            precision="fp16",
        )


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Gpus:
    return Gpus(monkeypatch)


@pytest.mark.parametrize(("device", "chosen"), [("auto", "cuda:0"), ("cuda:1", "cuda:1")])
def test_each_process_takes_the_gpu_of_its_setting(
    device: str, chosen: str, tmp_path: Path, gpus: Gpus
) -> None:
    load_runtime(of_file(Path(__file__)), settings(tmp_path, device=device))
    assert gpus.started == [(chosen, "auto")]


FAULTS = {
    "no kernel image": RuntimeError(
        "CUDA error: no kernel image is available for execution on the device\nCUDA kernel errors"
    ),
    "full": OutOfMemory("CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has 2.00 MiB free"),
    "lost": RuntimeError("CUDA error: unspecified launch failure"),
    "not compiled": AssertionError("Torch not compiled with CUDA enabled"),
    "without words": RuntimeError(),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_an_automatic_device_falls_back_to_the_processor_and_names_the_gpu(
    fault: Exception,
    spec: ModelSpec,
    gpus: Gpus,
    converted: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    gpus.fault = fault
    engine = "auto" if fault is FAULTS["full"] else "torch"
    runtime = load_runtime(spec, settings(converted, device="auto", runtime=engine))
    assert (runtime.device, runtime.name) == ("cpu", "torch" if engine == "torch" else "openvino")
    said = [line for line in capsys.readouterr().out.splitlines() if "DEVICE=auto" in line]
    assert len(said) == 1
    reason = str(fault).partition("\n")[0] or "RuntimeError"
    assert f"the GPU Tesla K80 (cuda:0) cannot run the model ({reason})" in said[0]
    assert "using the processor" in said[0]


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize(("device", "used"), [("cuda", "cuda:0"), ("cuda:1", "cuda:1")])
def test_a_chosen_gpu_that_does_not_work_ends_the_start(
    fault: Exception, device: str, used: str, gpus: Gpus, tmp_path: Path
) -> None:
    gpus.fault = fault
    line = told(lambda: load_runtime(of_file(Path(__file__)), settings(tmp_path, device=device)))
    assert line.startswith(f"DEVICE={device}: the GPU Tesla K80 ({used}) cannot run the model (")
    assert line.endswith("or set DEVICE=cpu")


def test_a_gpu_that_torch_does_not_see_is_mentioned(
    spec: ModelSpec,
    converted: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(inference, "_GPU_SIGNS", ("/",))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert load_runtime(spec, settings(converted, device="auto")).device == "cpu"
    assert f"torch {torch.__version__} sees none" in capsys.readouterr().out


def test_a_gpu_that_computes_nan_ends_the_start(gpus: Gpus, tmp_path: Path) -> None:
    gpus.confidence = np.nan
    line = told(lambda: load_runtime(of_file(Path(__file__)), settings(tmp_path, device="cuda")))
    assert "returns NaN on cuda:0 in fp16: set PRECISION=fp32" in line
    assert gpus.started == [("cuda:0", "auto")]
