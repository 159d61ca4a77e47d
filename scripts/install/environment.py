"""Creates and fills the virtual environment once; uses only the standard library."""

import contextlib
import hashlib
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from scripts.install.torch_build import TORCH_CPU_INDEX, Build, torch_build

ROOT = Path(__file__).resolve().parents[2]
TORCH_REQUIREMENTS = ROOT / "worker" / "requirements-torch.txt"
CLIENT = ROOT / "client"
TORCH_LOCK = ROOT / "worker" / "requirements-torch.lock"
# minutes on a line of 100 Mbit/s, and gigabytes of disk, weights included
COST = {
    "cpu": "3 minutes and 2 GB (PyTorch's CPU build)",
    "cuda": "6 minutes and 7 GB (PyTorch's CUDA build)",
    "plain": "3 minutes and 2 GB",
}
# what is installed for a target, and what is then installed too
TARGETS = {"serve": ["requirements.lock"], "dev": ["requirements-dev.lock", "requirements.lock"]}
# A lock is whole, and pip takes nothing that is not in it or has another hash.
LOCKED = ("--no-deps", "--require-hashes", "-r")
DOWNLOAD = re.compile(r"^\s*Downloading (?:\S*/)?([A-Za-z0-9._]+?)-\d\S* \(([\d.]+) (MB|GB)\)")
LARGE_MB = 20


class InstallError(Exception):
    """The installation failed; the text is one line that says what to do."""


def fingerprint(lock: Path, *others: Path) -> str:
    """A hash of the Python version, of a lock and of other files.

    Args:
        lock: What pip installs.
        others: What is installed with every lock; by default PyTorch and the client.
    """
    digest = hashlib.sha256(sys.version.encode())
    for path in (lock, *(others or (TORCH_LOCK, CLIENT / "pyproject.toml"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def stamp(venv: Path, lock: str) -> Path:
    """The file that holds the fingerprint of what was installed."""
    return venv / f".installed-{lock}"


def is_current(venv: Path, target: str) -> bool:
    """Whether this target's lock is installed as it is written now."""
    name = TARGETS[target][0]
    file = stamp(venv, name)
    return file.is_file() and file.read_text() == fingerprint(ROOT / name)


def progress(line: str) -> str | None:
    """What one line of pip's output means to somebody who waits; ``None`` for most."""
    download = DOWNLOAD.match(line)
    if download:
        name, size, unit = download.groups()
        large = unit == "GB" or float(size) >= LARGE_MB
        return f"downloading {name} ({size} {unit})" if large else None
    if line.startswith("Installing collected packages:"):
        return f"unpacking {line.count(',') + 1} package(s)"
    return None


def pip(venv: Path, *arguments: str) -> None:
    """Run the environment's pip, showing its large steps and keeping all it says in a file.

    Raises:
        InstallError: pip failed; its last lines were printed.
    """
    command = [str(venv / "bin" / "python"), "-m", "pip", "install", "--progress-bar=off"]
    began = time.monotonic()
    lines: list[str] = []
    log = venv / "pip.log"
    with log.open("a") as file, subprocess.Popen(
        [*command, "--disable-pip-version-check", "--no-input", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
    ) as process:  # fmt: skip
        for line in process.stdout or ():
            file.write(line)
            lines.append(line)
            step = progress(line)
            if step:
                say(f"[{time.monotonic() - began:3.0f} s] {step}")
    if process.returncode != 0:
        sys.stderr.writelines(lines[-8:])
        raise InstallError(
            f"pip failed; its output is in {log}. Fix the problem and run make again"
        )


def say(text: str) -> None:
    """One line, at once, also into a pipe."""
    print(f"install: {text}", flush=True)


def create(venv: Path) -> None:
    """Create the environment; recreate it if another Python version created it.

    Raises:
        InstallError: Something else is in its place.
    """
    ask = [str(venv / "bin" / "python"), "-c", "import sys, pip; print(sys.version)"]
    with contextlib.suppress(OSError):
        answer = subprocess.run(ask, capture_output=True, text=True, check=False)
        if answer.stdout.strip() == sys.version:
            return
    if venv.exists() and any(venv.iterdir()) and not (venv / "pyvenv.cfg").is_file():
        raise InstallError(f"{venv} is not a virtual environment: set VENV to an empty folder")
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], check=True)


def ensure(venv: Path, target: str, choose_build: Callable[[], Build] = torch_build) -> None:
    """Create the environment and fill it, unless that is done already.

    Args:
        venv: The environment's folder.
        target: A key of `TARGETS`.
        choose_build: Chooses the build of PyTorch.

    Raises:
        InstallError: A step failed.
    """
    if is_current(venv, target):
        return
    build = choose_build()
    if any(venv.glob(stamp(venv, "*").name)):
        say("the requirements have changed: installing the new packages")
    else:
        say(f"the first run takes about {COST[build]}, later ones seconds")
    create(venv)
    if build == "cpu":
        pip(venv, "--no-deps", "--index-url", TORCH_CPU_INDEX, "-r", str(TORCH_REQUIREMENTS))
    else:
        pip(venv, *LOCKED, str(TORCH_LOCK))
    pip(venv, *LOCKED, str(ROOT / TARGETS[target][0]))
    if target == "dev":
        # The client has no hash, because it is built here; its requirements are in the lock.
        pip(venv, "--no-deps", "-e", str(CLIENT))
    for name in TARGETS[target]:
        stamp(venv, name).write_text(fingerprint(ROOT / name))
