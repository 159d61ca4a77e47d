"""Runs the compose project under its own name and on a free port."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import httpx

from scripts.install.torch_build import TORCH_CPU_INDEX, answers

ROOT = Path(__file__).resolve().parent.parent.parent
PROJECT = "image-classifier-test"
BUILD_S = 900
UP_S = 300
WORKER_CPUS = "1.5"


class Stack:
    """One compose project, with the weights that the environment names.

    Args:
        port: The published port.
        keys: File with the entries of API keys.
        key: The API key of the requests.
    """

    def __init__(self, port: int, keys: Path, key: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._key = {"authorization": f"Bearer {key}"}
        self._environment = {**os.environ, **model_settings(), "PORT": str(port)}
        self._environment["BIND_ADDRESS"] = "127.0.0.1"
        self._environment |= {"API_KEYS_FILE": str(keys), "WORKER_CPUS": WORKER_CPUS}
        # as `make serve` chooses: the ordinary index where PyTorch's own is out of reach
        index = TORCH_CPU_INDEX if answers(TORCH_CPU_INDEX + "/torch/") else ""
        self._environment.setdefault("TORCH_INDEX", index)

    def compose(self, *arguments: str, timeout: float = 60) -> str:
        """Run ``docker compose``; returns its output, or fails with it."""
        run = subprocess.run(
            ["docker", "compose", "--project-name", PROJECT, "--progress", "plain", *arguments],
            cwd=ROOT,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if "up" in arguments or "build" in arguments else None,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert run.returncode == 0, f"docker compose {' '.join(arguments)}\n{run.stdout[-8000:]}"
        return run.stdout

    def build(self) -> None:
        """Build both images."""
        self.compose("build", timeout=BUILD_S)

    def up(self, *options: str) -> None:
        """Start missing containers, and wait until all are healthy."""
        self.compose(
            "up", "--detach", "--wait", "--wait-timeout", str(UP_S), *options, timeout=UP_S
        )

    def open_to_all(self) -> None:
        """Restart the API without keys."""
        del self._environment["API_KEYS_FILE"]
        self.up("--no-deps", "api")

    def down(self) -> None:
        """Remove containers, networks and volumes."""
        self.compose("down", "--volumes", "--remove-orphans", timeout=120)

    def logs(self) -> str:
        """The logs of all containers."""
        return self.compose("logs", "--no-color", "--tail", "100")

    def containers(self) -> list[dict[str, Any]]:
        """The containers in ``docker compose ps``, one-shot services included."""
        lines = self.compose("ps", "--all", "--format", "json").splitlines()
        return [json.loads(line) for line in lines]

    def inside(self, service: str, *command: str) -> str:
        """Run a program in the first container of a service; returns its output."""
        return self.compose("exec", "--no-TTY", service, *command)

    def post(self, path: str, files: list[tuple[str, tuple[str, bytes]]]) -> httpx.Response:
        """Upload files."""
        return httpx.post(
            self.url + path,
            files=files,
            headers=self._key,
            timeout=60,
            trust_env=False,
            verify=False,
        )

    def get(self, path: str) -> httpx.Response:
        """GET a resource."""
        return httpx.get(
            self.url + path, headers=self._key, timeout=10, trust_env=False, verify=False
        )


def model_settings() -> dict[str, str]:
    """Settings for the file of ``MODEL_WEIGHTS``, mounted, or for the packaged model."""
    weights = os.environ.get("MODEL_WEIGHTS", "")
    if not Path(weights).is_file():
        return {"MODEL": "efficientnet_lite0", "MODEL_WEIGHTS": "", "MODEL_RECIPE": ""}
    file = Path(weights).resolve()
    return {
        "MODEL": "resnet50",
        "MODEL_DIR": str(file.parent),
        "MODEL_WEIGHTS": f"/weights/{file.name}",
    }
