"""The engines report nothing to their makers: no name look-up, no process, no file."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.recorded_contacts import RecordedContacts

ROOT = Path(__file__).parents[4]

START = """
from worker.inference import load_runtime
from worker.models.selection import resolve
from worker.settings import WorkerSettings

settings = WorkerSettings()
print(load_runtime(resolve(settings), settings).name)
"""
CI_SIGNS = ("CI", "TF_BUILD", "JENKINS_URL", "NNCF_CI", "NNCF_DEV")


def run(contacts: RecordedContacts, script: str, **settings: str) -> str:
    """Run a script in a fresh interpreter that knows nothing of CI, where reports are off."""
    inherited = {name: value for name, value in os.environ.items() if name not in CI_SIGNS}
    environment = inherited | settings | contacts.environment
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout


def test_a_first_start_with_its_conversion_contacts_nobody(tmp_path: Path) -> None:
    contacts = RecordedContacts(tmp_path)
    settings = {"MODEL": "efficientnet_lite0", "DEVICE": "cpu", "MODEL_CACHE": str(tmp_path / "c")}
    assert run(contacts, START, **settings).endswith("openvino\n")
    assert list((tmp_path / "c").rglob("model.xml")), "the start should have converted"
    assert contacts.events == []
    assert list(contacts.home.iterdir()) == []


def test_the_commands_import_of_openvino_contacts_nobody(tmp_path: Path) -> None:
    contacts = RecordedContacts(tmp_path)
    run(contacts, "import worker.quantize, sys; assert 'openvino' in sys.modules")
    run(contacts, "import worker.main, sys; assert 'openvino' not in sys.modules")
    assert contacts.events == []
    assert list(contacts.home.iterdir()) == []


def test_contacts_of_a_process_and_of_its_children_are_recorded(tmp_path: Path) -> None:
    contacts = RecordedContacts(tmp_path)
    child = "import socket; socket.getaddrinfo('localhost', 1)"
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    run(contacts, script)
    started, looked_up = contacts.events
    assert started.startswith("subprocess.Popen")
    assert looked_up.startswith("socket.getaddrinfo ('localhost', 1")


def test_calibration_with_nncf_contacts_nobody(tmp_path: Path) -> None:
    contacts = RecordedContacts(tmp_path)
    script = """
import numpy as np
import worker.inference
import nncf
import openvino as ov
from openvino import opset15 as opset

pixels = opset.parameter([1, 3, 8, 8], np.float32)
kernel = np.ones((4, 3, 3, 3), np.float32)
layer = opset.convolution(pixels, kernel, [1, 1], [0, 0], [0, 0], [1, 1])
photos = nncf.Dataset([np.ones((1, 3, 8, 8), np.float32)] * 4)
nncf.quantize(ov.Model([layer], [pixels]), photos, subset_size=4)
"""
    run(contacts, script)
    assert [event for event in contacts.events if event.startswith("socket.")] == []
    assert not (contacts.home / "intel").exists()
