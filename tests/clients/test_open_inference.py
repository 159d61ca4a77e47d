"""Triton's client gets its classes from ``/v2``, or an error that it shows."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.clients import HERE, TIMEOUT_S
from tests.support.api_keys import ALICE, ALICE_ENTRY
from tests.support.live_service import LiveService, coloured


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    """A service that wants a key."""
    with LiveService(tmp_path_factory.mktemp("locked"), API_KEYS=ALICE_ENTRY) as service:
        yield service


def classify(service: LiveService, folder: Path, *photos: bytes, model: str, key: str = "") -> Any:
    paths = [folder / f"{at}.png" for at in range(len(photos))]
    for path, photo in zip(paths, photos, strict=True):
        path.write_bytes(photo)
    script = [sys.executable, "-W", "ignore", str(HERE / "send_triton.py")]
    done = subprocess.run(
        [*script, service.url.removeprefix("http://"), model, key, *map(str, paths)],
        check=False,
        capture_output=True,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def model_of(service: LiveService, key: str = "") -> str:
    headers = {"x-api-key": key} if key else {}
    return str(service.api.client.get("/model", headers=headers).json()["name"])


def test_a_small_batch_is_classified(service: LiveService, tmp_path: Path) -> None:
    model = model_of(service)
    greens = [40, 80, 120]
    answer = classify(service, tmp_path, *map(coloured, greens), model=model)
    labels, scores = answer.pop("binary")
    assert [row[0] for row in labels] == [f"class {green}" for green in greens]
    assert [len(row) for row in scores] == [2, 2, 2]
    assert all(0.5 < row[0] <= 1 for row in scores)
    assert answer.pop("json") == [labels, scores]
    assert answer == {
        "live": True, "ready": True, "model_ready": True,
        "server": ["binary_tensor_data"], "model": model,
    }  # fmt: skip


def test_a_refusal_is_shown(service: LiveService, tmp_path: Path) -> None:
    photos = [coloured(40), b"GIF89a" + bytes(100)]
    error = classify(service, tmp_path, *photos, model=model_of(service))
    assert error["status"] == "415"
    assert error["message"].startswith("Image 2 of 2: The content is a GIF image.")


def test_a_model_that_is_not_served_is_named(service: LiveService, tmp_path: Path) -> None:
    error = classify(service, tmp_path, coloured(40), model="other")
    assert error["status"] == "404"
    assert f"serves '{model_of(service)}'" in error["message"]


def test_a_key_is_wanted(locked: LiveService, tmp_path: Path) -> None:
    model = model_of(locked, ALICE)
    answer = classify(locked, tmp_path, coloured(40), model=model, key=ALICE)
    assert answer["binary"][0][0][0] == "class 40"
    error = classify(locked, tmp_path, coloured(40), model=model, key=ALICE[:-1])
    assert error["status"] == "401"
    assert error["message"].startswith("Invalid API key.")
