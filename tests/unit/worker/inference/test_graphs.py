"""The converted graph: kept, made again where it is damaged, and read without torch."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from numpy.typing import NDArray
from openvino import opset15 as opset

from tests.support.networks import CLASSES, noise
from worker.inference import conversion
from worker.inference.openvino_runtime import OpenVINORuntime
from worker.models.selection import ModelSpec
from worker.models.transforms import EFFICIENTNET_LITE0, IMAGENET1K_V1

# torch and OpenVINO warn about themselves, and the weights' package about its age
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

ROOT = Path(__file__).parents[4]


WARM_START = """
import sys
import numpy as np
from worker.inference import load_runtime
from worker.models.selection import resolve
from worker.settings import WorkerSettings

settings = WorkerSettings()
runtime = load_runtime(resolve(settings), settings)
print(float(runtime.predict(np.zeros((1, 224, 224, 3), np.uint8)).sum()))
print({"torch", "torchvision", "safetensors"} & set(sys.modules))
"""


def test_a_worker_on_openvino_never_loads_torch(tmp_path: Path) -> None:
    environment = {
        "MODEL": "efficientnet_lite0",
        "MODEL_CACHE": str(tmp_path),
        "RUNTIME": "auto",
        "DEVICE": "cpu",
    }
    for first in (True, False):
        ran = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", WARM_START],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        total, modules = ran.stdout.strip().splitlines()[-2:]
        assert float(total) == pytest.approx(1, abs=1e-2)
        assert modules == "set()"
        assert ("converting the model" in ran.stdout + ran.stderr) == first


def test_a_graph_is_kept_per_weights_and_recipe(spec: ModelSpec) -> None:
    keys = {
        conversion.cache_key(spec),
        conversion.cache_key(replace(spec, sha256="0" * 64)),
        conversion.cache_key(replace(spec, recipe=EFFICIENTNET_LITE0)),
    }
    assert len(keys) == 3
    same_pixels = replace(spec, recipe=IMAGENET1K_V1, weights="another name")
    assert conversion.cache_key(same_pixels) in keys


class Toy:
    """Counts the conversions, each of which writes a graph of one layer."""

    def __init__(self) -> None:
        self.conversions = 0

    def __call__(self, spec: ModelSpec, folder: Path) -> None:
        self.conversions += 1
        pixels = opset.parameter([-1, 224, 224, 3], np.uint8)
        colour = opset.reduce_mean(opset.convert(pixels, "f32"), np.array([1, 2]), False)
        head = np.random.default_rng(0).normal(0, 0.01, (3, len(spec.labels))).astype(np.float32)
        answer = opset.softmax(opset.matmul(colour, head, False, False), 1)
        conversion.save(ov.Model(answer, [pixels]), folder)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Toy:
    toy = Toy()
    monkeypatch.setattr(conversion, "_convert_apart", toy)
    return toy


@pytest.mark.parametrize("damaged", ["model.xml", "model.bin"])
def test_a_damaged_graph_is_converted_again(
    spec: ModelSpec, toy: Toy, tmp_path: Path, damaged: str
) -> None:
    def start() -> NDArray[np.float32]:
        return OpenVINORuntime(spec, tmp_path, "fp32").predict(noise(2))

    first = start()
    assert (start() == first).all()
    assert toy.conversions == 1
    (file,) = tmp_path.glob(f"openvino/*/{damaged}")
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert (start() == first).all()
    assert toy.conversions == 2
    assert file.stat().st_size >= len(whole)
    assert [path.name for path in file.parent.parent.iterdir()] == [file.parent.name]


@pytest.mark.usefixtures("toy")
def test_two_that_convert_at_once_keep_one_graph(spec: ModelSpec, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        runtimes = list(pool.map(lambda _: OpenVINORuntime(spec, tmp_path, "fp32"), range(4)))
    answers = [runtime.predict(noise(1)) for runtime in runtimes]
    assert all((answer == answers[0]).all() for answer in answers)
    assert len(list((tmp_path / "openvino").iterdir())) == 1


def test_a_cache_that_cannot_be_written_costs_only_time(
    spec: ModelSpec, toy: Toy, tmp_path: Path
) -> None:
    (tmp_path / "openvino").touch()
    for _ in range(2):
        assert OpenVINORuntime(spec, tmp_path, "fp32").predict(noise(1)).shape == (1, CLASSES)
    assert toy.conversions == 2
