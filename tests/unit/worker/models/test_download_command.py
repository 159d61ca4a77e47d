"""The command that fetches the weights: ``python -m worker.download``."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]


def run_command(cache: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "MODEL_CACHE": str(cache), **settings}
    return subprocess.run(
        [sys.executable, "-m", "worker.download"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_without_network_says_one_line(tmp_path: Path, closed_port: int) -> None:
    proxy = f"http://127.0.0.1:{closed_port}"
    ran = run_command(tmp_path, HTTPS_PROXY=proxy)
    assert ran.returncode == 1
    assert ran.stderr.startswith("download: no connection to download.pytorch.org")
    assert ran.stderr.count("\n") == 1


def test_the_command_falls_back_when_any_model_will_do(tmp_path: Path, closed_port: int) -> None:
    ran = run_command(tmp_path, HTTPS_PROXY=f"http://127.0.0.1:{closed_port}", MODEL="auto")
    assert ran.returncode == 0
    assert "EfficientNet-Lite0 is used" in ran.stderr
    assert ran.stdout.startswith("efficientnet_lite0 ")


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"HTTPS_PROXY": "nonsense://x"}, "check HTTP_PROXY"),
        ({"SSL_CERT_FILE": "/nowhere/cert.pem"}, "check HTTP_PROXY"),
        ({"MODEL": "resnet18"}, "MODEL: Input should be"),
        ({"MODEL_WEIGHTS": "/nowhere/my.pth", "MODEL_RECIPE": "IMAGENET1K_V1"}, "cannot be read"),
    ],
)
def test_the_command_says_one_line_about_a_wrong_setting(
    tmp_path: Path, settings: dict[str, str], line: str
) -> None:
    ran = run_command(tmp_path, **settings)
    assert ran.returncode == 1
    assert line in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_the_command_has_nothing_to_fetch_for_the_packaged_model(tmp_path: Path) -> None:
    ran = run_command(tmp_path, MODEL="efficientnet_lite0")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []
