"""`make gpu-check` as far as a processor goes: every step but the lack of memory runs."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STEPS = [
    "efficientnet_lite0, fp32: same first class",
    "efficientnet_lite0, bf16: same first class",
    "resnet50, fp32: same first class",
    "resnet50, bf16: same first class",
    "the call after a device-side assertion",
    "resnet50, fp32: batch of 2",
    "service, 2 connections",
    "service, batch of 20",
]


@pytest.mark.timeout(900)
def test_every_step_runs_on_a_processor() -> None:
    command = [sys.executable, "-m", "benchmarks.gpu", "--device", "cpu", "--quick"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    table = [line for line in ran.stdout.splitlines() if line.startswith("|")]
    for step in STEPS:
        assert any(step in line for line in table), f"{step}\n{ran.stdout}\n{ran.stderr}"
    assert "**NO**" not in ran.stdout, ran.stderr
    assert ran.returncode == 0, ran.stderr
