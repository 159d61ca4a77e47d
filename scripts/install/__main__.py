"""``python -m scripts.install serve|dev``: fill the virtual environment, once.

Runs before anything is installed, perhaps by an old Python: standard library only, and in this
file no syntax that a Python 3.7 could not read as far as the line that asks for a newer one.
"""

import argparse
import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Optional, Tuple  # noqa: UP035 - see above

MINIMUM = (3, 11)


def objection(version: Tuple[int, int], has_venv: bool) -> Optional[str]:  # noqa: UP006, UP045
    """Why a Python cannot run the service, or ``None`` when it can."""
    if version < MINIMUM:
        found = ".".join(map(str, version))
        return (
            f"Python 3.11 or newer is needed, this is {found}: try `make serve PYTHON=python3.11`"
        )
    if not has_venv:
        return "this Python has no venv (on Debian and Ubuntu: `apt install python3-venv`)"
    return None


def main() -> int:
    """Install what a target needs, unless that is done already."""
    # Debian takes ensurepip out of Python, and venv does not work without it
    has_venv = importlib.util.find_spec("ensurepip") is not None
    complaint = objection(sys.version_info[:2], has_venv)
    if complaint:
        print(f"install: {complaint}", file=sys.stderr)
        return 1
    from scripts.install import environment  # noqa: PLC0415 - only a new Python can read it

    parser = argparse.ArgumentParser(description="Fill the virtual environment.")
    parser.add_argument("target", choices=sorted(environment.TARGETS))
    parser.add_argument("--venv", type=Path, default=environment.ROOT / ".venv")
    options = parser.parse_args()
    try:
        environment.ensure(options.venv.absolute(), options.target)
    except (environment.InstallError, OSError, subprocess.SubprocessError) as error:
        print(f"install: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
