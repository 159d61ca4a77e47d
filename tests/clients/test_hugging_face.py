"""The clients of Hugging Face get their classes from ``/hf``, or an error that they show."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.clients import HERE, TIMEOUT_S
from tests.support.api_keys import ALICE, ALICE_ENTRY
from tests.support.live_service import LiveService, coloured

PYTHON = [sys.executable, str(HERE / "send_huggingface.py")]
NODE = ["node", str(HERE / "send_huggingface.mjs")]
QUIET = {"HF_HUB_DISABLE_TELEMETRY": "1"}
Classify = Callable[..., Any]


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    """A service that wants a key."""
    with LiveService(tmp_path_factory.mktemp("locked"), API_KEYS=ALICE_ENTRY) as service:
        yield service


@pytest.fixture
def classify(service: LiveService, environment: dict[str, str], tmp_path: Path) -> Classify:
    def call(
        command: list[str], data: bytes, *, url: str = "", token: str = "", top_k: str = ""
    ) -> Any:
        photo = tmp_path / "photo.png"
        photo.write_bytes(data)
        last = [top_k] if command is PYTHON else []
        done = subprocess.run(
            [*command, url or f"{service.url}/hf", str(photo), token, *last],
            check=False,
            env={**os.environ, **QUIET, **environment, "HF_HOME": str(tmp_path)},
            capture_output=True,
            timeout=TIMEOUT_S,
        )
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout)

    return call


@pytest.mark.parametrize("command", [PYTHON, NODE], ids=["huggingface_hub", "@huggingface"])
def test_a_photo_is_classified(command: list[str], classify: Classify) -> None:
    found = classify(command, coloured(77))
    assert found[0]["label"] == "class 77"
    assert 0.5 < found[0]["score"] <= 1
    assert len(found) == 5


def test_top_k_is_sent_with_base64(classify: Classify) -> None:
    found = classify(PYTHON, coloured(78), top_k="3")
    assert [found[0]["label"], len(found)] == ["class 78", 3]


@pytest.mark.parametrize("command", [PYTHON, NODE], ids=["huggingface_hub", "@huggingface"])
def test_top_k_may_be_in_the_address(
    command: list[str], classify: Classify, service: LiveService
) -> None:
    assert len(classify(command, coloured(79), url=f"{service.url}/hf?top_k=2")) == 2


@pytest.mark.parametrize("command", [PYTHON, NODE], ids=["huggingface_hub", "@huggingface"])
def test_a_refusal_is_shown(command: list[str], classify: Classify) -> None:
    error = classify(command, b"GIF89a" + bytes(100))
    assert error["status"] == 415
    assert "The content is a GIF image. Convert it to JPEG or PNG." in error["message"]


@pytest.mark.parametrize("command", [PYTHON, NODE], ids=["huggingface_hub", "@huggingface"])
def test_the_token_is_the_api_key(
    command: list[str], classify: Classify, locked: LiveService
) -> None:
    url = f"{locked.url}/hf"
    assert classify(command, coloured(80), url=url, token=ALICE)[0]["label"] == "class 80"
    error = classify(command, coloured(80), url=url, token=ALICE[:-1])
    assert error["status"] == 401
    assert "Invalid API key." in error["message"]
