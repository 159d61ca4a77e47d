"""``python -m benchmarks.gpu.wheels FOLDER``: downloads what `make gpu-check` installs offline.

That is everything the service needs except torch, torchvision and their requirements, which the
machine with the GPU has in a build for its CUDA, and except OpenVINO, which runs only on CPUs.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness.generator import ROOT

MOST_MIB = 64
LEFT_OUT = re.compile(
    r"(torch|torchvision|triton|nvidia-.*|cuda-.*|sympy|mpmath|networkx|filelock|fsspec|setuptools|"
    r"openvino.*)=="
)
# The harness reads CPU times with it; it is in the lock of the development tools.
ADDED = ("psutil",)


def wanted(lock: str, tools: str) -> str:
    """The requirements to download, with their hashes, in the form of a lock.

    Args:
        lock: The text of requirements.lock.
        tools: The text of requirements-dev.lock.
    """
    chosen = [entry for entry in _entries(lock) if not LEFT_OUT.match(entry)]
    names = tuple(f"{name}==" for name in ADDED)
    present = tuple(entry for entry in chosen if entry.startswith(names))
    chosen += [e for e in _entries(tools) if e.startswith(names) and e not in present]
    return "".join(chosen)


def _entries(lock: str) -> Iterator[str]:
    """Each requirement of a lock, with the lines of its hashes."""
    entry = ""
    for line in lock.splitlines(keepends=True):
        if line.strip() and not line.startswith((" ", "#")):
            if entry:
                yield entry
            entry = line
        elif entry and "--hash" in line:
            entry += line
    if entry:
        yield entry


def main() -> int:
    """Download the wheels; returns 1 if they are too large together."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu.wheels", description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    locks = ((ROOT / f"{name}.lock").read_text() for name in ("requirements", "requirements-dev"))
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(wanted(*locks))
        file.flush()
        options = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--dest", str(folder)]
        command = [sys.executable, "-m", "pip", "download", "--quiet", *options, "-r", file.name]
        subprocess.run(command, check=True)
    size = sum(wheel.stat().st_size for wheel in folder.glob("*.whl")) / (1 << 20)
    print(f"{size:.0f} MiB in {folder}, limit {MOST_MIB} MiB")
    return 0 if size <= MOST_MIB else 1


if __name__ == "__main__":
    sys.exit(main())
