"""A process whose models are dropped in any order still receives signals."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from worker.inference.runtime import Runtime
from worker.models.selection import ModelSpec

# With each Core OpenVINO replaces the stack of its thread for signals.
DROPPED = """
import signal, sys
from pathlib import Path
from tests.support.networks import of_file
from worker.inference.openvino_runtime import OpenVINORuntime

def load():
    return OpenVINORuntime(of_file(Path(sys.argv[1])), Path(sys.argv[2]), "fp32")

models = [load(), load(), load()]
for number in map(int, sys.argv[3]):
    models[number] = None
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("received")
"""


def test_models_may_be_dropped_in_any_order(
    spec: ModelSpec, converted: Path, load: Callable[..., Runtime]
) -> None:
    load("openvino")
    for order in ("012", "210", "1"):
        command = [sys.executable, "-c", DROPPED, str(spec.weights_path), str(converted), order]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, "received\n"), (order, done.stderr)
