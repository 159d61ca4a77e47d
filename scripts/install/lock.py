"""``make lock``: choose the versions that are installed, and write them down with their hashes.

What people edit are the ranges, `requirements*.txt`. uv resolves all of them at once, for every
Python and platform that the project supports; a lock keeps what it has until UPGRADE=1. What
PyTorch builds in more than one way goes into a lock of its own: its CPU builds lie on its own index
and have other hashes.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.install.environment import ROOT, TORCH_LOCK

# The first holds all of the others.
LOCKED = [
    "requirements-dev",
    "requirements",
    "api/requirements",
    "worker/requirements",
    "shared/requirements-tracing",
]
OLDEST_PYTHON = "3.11"
HEADER = "# Written by `make lock`, from the ranges in the .txt files: edit those instead.\n"
_PACKAGE = re.compile(r"^[A-Za-z0-9].*\n(?: .*\n)*", re.MULTILINE)
_OF_TORCH = re.compile(r"(torch|torchvision|triton|nvidia-.*|cuda-.*)==")


def resolve(ranges: str, preferred: str, *, upgrade: bool = False) -> list[str]:
    """Choose versions.

    Args:
        ranges: A requirements file.
        preferred: Lines of a lock, whose versions are kept where the ranges allow it.
        upgrade: Prefer the newest instead.

    Returns:
        For each package its lines: version, markers, hashes.

    Raises:
        subprocess.CalledProcessError: There is no solution, or no index; uv has said which.
    """
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "lock.txt")
        output.write_text(preferred)
        command = [sys.executable, "-m", "uv", "pip", "compile", ranges, "-o", str(output)]
        command += ["--quiet", "--universal", "--python-version", OLDEST_PYTHON]
        command += ["--generate-hashes", "--no-header", "--no-annotate"]
        subprocess.run(command + ["--upgrade"] * upgrade, cwd=ROOT, check=True)
        return _PACKAGE.findall(output.read_text())


def main() -> int:
    """Write all locks."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--upgrade", action="store_true", help="take the newest that is allowed")
    upgrade = parser.parse_args().upgrade
    standing = [ROOT / f"{LOCKED[0]}.lock", TORCH_LOCK]
    preferred = "".join(path.read_text() for path in standing if path.exists())
    for name in LOCKED:
        packages = resolve(f"{name}.txt", preferred, upgrade=upgrade)
        if name == LOCKED[0]:
            preferred, upgrade = "".join(packages), False
            of_torch = filter(_OF_TORCH.match, packages)
            TORCH_LOCK.write_text(HEADER + "".join(of_torch))
        others = (package for package in packages if not _OF_TORCH.match(package))
        (ROOT / f"{name}.lock").write_text(HEADER + "".join(others))
        print(f"lock: {name}.lock")
    return 0


if __name__ == "__main__":
    sys.exit(main())
