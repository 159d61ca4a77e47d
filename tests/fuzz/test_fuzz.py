"""A quarter of a minute of each target; `make fuzz` takes its time."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 12


@pytest.mark.parametrize("target", TARGETS)
def test_fuzzed_bytes_cause_no_fault(target: str) -> None:
    command = [sys.executable, "-m", "tests.fuzz.run", target, f"-max_total_time={SECONDS}"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-4000:]
    done = re.search(r"Done (\d+) runs", run.stderr)
    assert done
    assert int(done[1]) > 100
