"""What the settings resolve to, and what a person is told when they resolve to nothing."""

import hashlib
import importlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from worker.models.selection import ModelUnavailable, resolve
from worker.models.transforms import EFFICIENTNET_LITE0, IMAGENET1K_V1, IMAGENET1K_V2, RECIPES
from worker.models.weights import DEFAULT_WEIGHTS, RESNET50, Published
from worker.settings import WorkerSettings

ROOT = Path(__file__).parents[4]
CONTENT = b"not really weights"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MODEL", "MODEL_WEIGHTS", "MODEL_RECIPE", "MODEL_LABELS", "MODEL_CACHE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def unreachable() -> Iterator[Published]:
    """Weights on a server that refuses connections."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}/model-{DIGEST[:8]}.pth"
        yield Published("IMAGENET1K_V2", url, IMAGENET1K_V2)


def told(settings: WorkerSettings) -> str:
    """The one line that a person is told."""
    with pytest.raises(ModelUnavailable) as caught:
        resolve(settings)
    line = str(caught.value)
    assert "\n" not in line
    return line


@pytest.fixture(scope="module")
def torchvisions() -> Any:
    """Its weights of ResNet-50, imported where they are needed, because torch takes long."""
    return importlib.import_module("torchvision.models").ResNet50_Weights


@pytest.mark.parametrize("name", ["IMAGENET1K_V1", "IMAGENET1K_V2"])
def test_addresses_and_recipes_are_torchvisions(torchvisions: Any, name: str) -> None:
    weights = torchvisions[name]
    transform, recipe = weights.transforms(), RESNET50[name].recipe
    assert RESNET50[name].url == weights.url
    assert recipe.name == name
    assert [recipe.resize] == transform.resize_size
    assert [recipe.crop] == transform.crop_size
    assert recipe.interpolation.name.lower() == transform.interpolation.value
    assert (list(recipe.mean), list(recipe.std)) == (transform.mean, transform.std)


def test_the_default_weights_are_torchvisions(torchvisions: Any) -> None:
    assert torchvisions.DEFAULT.name == DEFAULT_WEIGHTS


def test_the_labels_are_torchvisions(torchvisions: Any) -> None:
    labels = resolve(WorkerSettings(model="efficientnet_lite0")).labels
    assert list(labels) == torchvisions.IMAGENET1K_V2.meta["categories"]


def test_every_recipe_is_known_by_its_name() -> None:
    assert all(recipe.name == name for name, recipe in RECIPES.items())


def test_the_packaged_model_is_there_after_an_install() -> None:
    spec = resolve(WorkerSettings(model="efficientnet_lite0", model_recipe="IMAGENET1K_V1"))
    assert (spec.name, spec.recipe, spec.notice) == ("efficientnet_lite0", EFFICIENTNET_LITE0, None)
    assert spec.weights == "efficientnet-lite0-57934424.pth"
    assert spec.sha256.startswith("57934424")


def test_missing_weights_name_the_command_that_fetches_them(tmp_path: Path) -> None:
    line = told(WorkerSettings(model_cache=tmp_path))
    assert f"resnet50 IMAGENET1K_V2 are not in MODEL_CACHE={tmp_path}" in line
    assert "python -m worker.download" in line


@pytest.mark.parametrize("model", ["resnet50", "auto"])
def test_cached_weights_with_another_hash_are_never_served(tmp_path: Path, model: str) -> None:
    (tmp_path / RESNET50["IMAGENET1K_V1"].filename).write_bytes(CONTENT)
    settings = WorkerSettings(model=model, model_weights="IMAGENET1K_V1", model_cache=tmp_path)
    assert f"(SHA-256 {DIGEST}): delete it" in told(settings)


@pytest.mark.parametrize("model", ["resnet50", "auto"])
def test_cached_weights_are_served_without_network(
    tmp_path: Path, model: str, unreachable: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RESNET50, "IMAGENET1K_V2", unreachable)
    (tmp_path / unreachable.filename).write_bytes(CONTENT)
    spec = resolve(WorkerSettings(model=model, model_cache=tmp_path))
    assert (spec.name, spec.weights, spec.sha256) == ("resnet50", "IMAGENET1K_V2", DIGEST)
    assert (spec.recipe, spec.notice) == (IMAGENET1K_V2, None)


def test_without_network_auto_uses_the_packaged_model_and_reports_it(
    tmp_path: Path, unreachable: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RESNET50, "IMAGENET1K_V2", unreachable)
    spec = resolve(WorkerSettings(model="auto", model_cache=tmp_path))
    assert spec.name == "efficientnet_lite0"
    assert spec.notice is not None
    assert spec.notice.startswith("EfficientNet-Lite0 is used")
    assert "no connection to 127.0.0.1" in spec.notice


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".safetensors"])
def test_a_users_own_file_is_served_with_its_recipe_and_labels(tmp_path: Path, suffix: str) -> None:
    weights, labels = tmp_path / f"mine{suffix}", tmp_path / "labels.txt"
    weights.write_bytes(CONTENT)
    labels.write_text("\ufeffwith a mark of byte order\nzwei\n  three \n\n", encoding="utf-8")
    spec = resolve(
        WorkerSettings(
            model_weights=str(weights), model_recipe="IMAGENET1K_V1", model_labels=labels
        )
    )
    assert (spec.name, spec.weights, spec.sha256) == ("resnet50", f"mine{suffix}", DIGEST)
    assert (spec.recipe, spec.weights_path) == (IMAGENET1K_V1, weights)
    assert spec.labels == ("with a mark of byte order", "zwei", "three")


def test_a_users_own_file_needs_its_recipe(tmp_path: Path) -> None:
    weights = tmp_path / "mine.pth"
    weights.write_bytes(CONTENT)
    assert told(WorkerSettings(model_weights=str(weights))).startswith("MODEL_RECIPE is not set")


@pytest.mark.parametrize(
    ("weights", "line"),
    [
        ("IMAGENET1K_V3", "neither IMAGENET1K_V2 nor IMAGENET1K_V1 nor the path of a .pth"),
        ("/nowhere/mine.onnx", "nor the path of a .pth or .pt or .safetensors file"),
        ("/nowhere/mine.pth", "/nowhere/mine.pth: No such file or directory"),
    ],
)
def test_weights_that_are_not_there_are_named(weights: str, line: str) -> None:
    assert line in told(WorkerSettings(model_weights=weights, model_recipe="IMAGENET1K_V1"))


def test_a_recipe_that_contradicts_published_weights_is_refused(tmp_path: Path) -> None:
    settings = WorkerSettings(
        model_weights="IMAGENET1K_V2", model_recipe="IMAGENET1K_V1", model_cache=tmp_path
    )
    assert "does not belong to the weights IMAGENET1K_V2" in told(settings)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (None, "cannot be read: No such file"),
        (b"caf\xe9\n", "it is not UTF-8 text"),
        (b"one\n\nthree\n", "has an empty line"),
        (b"\n", "has an empty line"),
    ],
)
def test_labels_that_cannot_be_used_are_named(
    tmp_path: Path, content: bytes | None, line: str
) -> None:
    labels = tmp_path / "labels.txt"
    if content is not None:
        labels.write_bytes(content)
    told_line = told(WorkerSettings(model="efficientnet_lite0", model_labels=labels))
    assert told_line.startswith(f"MODEL_LABELS={labels}")
    assert line in told_line


def test_finding_a_model_loads_neither_torch_nor_openvino() -> None:
    script = (
        "import sys; from worker.models.selection import resolve; from worker.settings import *;"
        "import worker.imaging.preprocess, worker.inference.runtime;"
        "resolve(WorkerSettings(model='efficientnet_lite0'));"
        "print({'torch', 'torchvision', 'openvino'} & set(sys.modules))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "set()\n"
