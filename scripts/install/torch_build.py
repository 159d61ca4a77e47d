"""Which of PyTorch's builds this machine needs: standard library only."""

import contextlib
import shutil
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Literal

TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
PROBE_S = 3.0
Build = Literal["cpu", "cuda", "plain"]


def has_nvidia_gpu() -> bool:
    """Whether the NVIDIA driver lists a GPU."""
    if any(Path("/proc/driver/nvidia/gpus").glob("*")):
        return True
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return False
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        listed = subprocess.run([tool, "-L"], capture_output=True, timeout=10, check=False)
        return b"GPU 0" in listed.stdout
    return False


def answers(url: str, timeout: float = PROBE_S) -> bool:
    """Whether a GET of the URL succeeds within ``timeout`` seconds, name lookup included."""
    found: list[bool] = []

    def get() -> None:
        with (
            contextlib.suppress(OSError, ValueError),
            urllib.request.urlopen(url, timeout=timeout) as response,  # noqa: S310 - our own URL
        ):
            found.append(response.status == 200)

    # a slow resolver ignores timeouts; a thread that is no longer waited for does not matter
    probe = threading.Thread(target=get, daemon=True)
    probe.start()
    probe.join(timeout)
    return found == [True]


def torch_build(
    platform: str = sys.platform,
    has_gpu: Callable[[], bool] = has_nvidia_gpu,
    is_reachable: Callable[[str], bool] = answers,
) -> Build:
    """The build of PyTorch for a machine.

    Args:
        platform: As `sys.platform`.
        has_gpu: Whether the machine has an NVIDIA GPU.
        is_reachable: Whether a URL is reachable.

    Returns:
        ``cpu`` where PyTorch's CPU build is enough and its index is reachable. Otherwise the build
        on PyPI: ``cuda`` on Linux, ``plain`` where there is only one.
    """
    if not platform.startswith("linux"):
        return "plain"
    if has_gpu():
        return "cuda"
    return "cpu" if is_reachable(TORCH_CPU_INDEX + "/torch/") else "cuda"
