"""Creates a virtual environment for each peer, which also uses the project's packages."""

import re
import sysconfig
from pathlib import Path

from scripts.install.environment import create, fingerprint, pip, stamp

HERE = Path(__file__).parent


def requirements(peer: str) -> Path:
    """The file that pins the packages of a peer that the project does not have."""
    return HERE / f"requirements-{peer}.txt"


def version(peer: str) -> str:
    """The pinned version of a peer."""
    found = re.search(rf"^{peer}==(\S+)$", requirements(peer).read_text(), flags=re.MULTILINE)
    if found is None:
        raise ValueError(f"{requirements(peer)} does not pin {peer}")
    return found.group(1)


def ensure(peer: str, place: Path) -> Path:
    """Create a peer's environment and install its packages, unless that is done already.

    Args:
        peer: ``litserve``, ``bentoml`` or ``ray``.
        place: Folder of the environments.

    Returns:
        The environment's Python.

    Raises:
        scripts.install.environment.InstallError: pip failed.
    """
    venv, file = place / peer, requirements(peer)
    python = venv / "bin" / "python"
    done = stamp(venv, file.name)
    wanted = fingerprint(file)
    if done.is_file() and done.read_text() == wanted:
        return python
    create(venv)
    shared = sysconfig.get_path("purelib")
    own = sysconfig.get_path("purelib", vars={"base": str(venv)})
    # Python searches it after the environment's own packages
    Path(own, "project.pth").write_text(f"{shared}\n")
    pip(venv, "-r", str(file))
    done.write_text(wanted)
    return python
