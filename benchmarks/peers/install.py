"""An environment for each peer: its own packages above the project's, so that torch is shared."""

import re
import sysconfig
from pathlib import Path

from scripts.install.environment import create, fingerprint, pip, stamp

HERE = Path(__file__).parent


def requirements(peer: str) -> Path:
    """The file that pins all that a peer adds to the project's own packages."""
    return HERE / f"requirements-{peer}.txt"


def version(peer: str) -> str:
    """The release that is pinned."""
    found = re.search(rf"^{peer}==(\S+)$", requirements(peer).read_text(), flags=re.MULTILINE)
    if found is None:
        raise ValueError(f"{requirements(peer)} does not pin {peer}")
    return found.group(1)


def ensure(peer: str, place: Path) -> Path:
    """Create and fill a peer's environment, unless that is done.

    Args:
        peer: ``litserve``, ``bentoml`` or ``ray``.
        place: Folder that holds the environments.

    Returns:
        Its Python.

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
    # read after the environment's own packages, which therefore come first
    Path(own, "project.pth").write_text(f"{shared}\n")
    pip(venv, "-r", str(file))
    done.write_text(wanted)
    return python
