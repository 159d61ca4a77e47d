"""The locks hold what the ranges ask for, each file by its hash, wherever it is installed."""

import re
import tomllib
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.install.environment import ROOT, TORCH_LOCK, TORCH_REQUIREMENTS
from scripts.install.lock import LOCKED

FILES = [ROOT / f"{name}.lock" for name in LOCKED] + [TORCH_LOCK]
_HASHED = re.compile(
    r"([A-Za-z0-9._-]+)==([^ ;]+)( ; [^\\]+)? \\\n(    --hash=sha256:[0-9a-f]{64}( \\)?\n)+"
)


def ranges(path: Path) -> list[Requirement]:
    """What a file asks for, and what the files and projects do that it includes."""
    found = []
    for line in path.read_text().splitlines():
        text = line.partition("#")[0].strip()
        if text.startswith("-r"):
            found += ranges((path.parent / text[2:].strip()).resolve())
        elif text.startswith("-e"):
            folder, _, extras = text[2:].strip().rstrip("]").partition("[")
            project = tomllib.loads((path.parent / folder / "pyproject.toml").read_text())[
                "project"
            ]
            optional = [project["optional-dependencies"][e] for e in extras.split(",") if e]
            found += map(Requirement, chain(project["dependencies"], *optional))
        elif text:
            found.append(Requirement(text))
    return found


def pins(path: Path) -> dict[str, list[str]]:
    """The versions that a lock holds; several where Pythons or platforms differ."""
    found: dict[str, list[str]] = {}
    for match in _HASHED.finditer(path.read_text()):
        found.setdefault(canonicalize_name(match[1]), []).append(match[2])
    return found


@pytest.mark.parametrize("lock", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_lock_is_versions_and_hashes_and_names_no_place(lock: Path) -> None:
    lines = lock.read_text()
    assert not _HASHED.sub("", lines.partition("\n")[2])
    assert "://" not in lines


@pytest.mark.parametrize("name", LOCKED)
def test_a_lock_holds_what_its_ranges_ask_for(name: str) -> None:
    locked = {**pins(ROOT / f"{name}.lock"), **pins(TORCH_LOCK)}
    for wanted in ranges(ROOT / f"{name}.txt"):
        versions = locked.get(canonicalize_name(wanted.name), [])
        assert versions, f"{wanted} is in no lock: run `make lock`"
        for version in versions:
            assert wanted.specifier.contains(version), f"{wanted}, not {version}: run `make lock`"


def test_every_lock_has_the_same_versions() -> None:
    whole = pins(FILES[0])
    for lock in FILES[1:-1]:
        for name, versions in pins(lock).items():
            assert versions == whole[name], f"{name} in {lock.name}: run `make lock`"


def test_torch_is_asked_for_by_the_versions_whose_hashes_are_known() -> None:
    exact = {wanted.name: str(wanted.specifier) for wanted in ranges(TORCH_REQUIREMENTS)}
    assert set(exact) == {"torch", "torchvision"}
    assert exact == {name: f"=={pins(TORCH_LOCK)[name][0]}" for name in exact}


def test_the_api_holds_no_torch() -> None:
    assert not {"torch", "openvino", "numpy"} & set(pins(ROOT / "api" / "requirements.lock"))
