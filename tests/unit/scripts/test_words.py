"""The word check finds words in what people read, and not in code."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.install.environment import ROOT


def check(folder: Path, name: str, text: str) -> list[str]:
    (folder / name).write_text(text)
    subprocess.run(["git", "init", "-q", folder], check=True)
    subprocess.run(["git", "-C", folder, "add", name], check=True)
    run = subprocess.run(
        [sys.executable, "-m", "scripts.checks.words"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == bool(run.stdout), run.stderr
    return run.stdout.splitlines()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.md", "It runs\nalone."),
        ("a.html", "<p>\nNobody</p>"),
        ("a.py", "x = 1\n# done anew\n"),
        ("a.py", '"""First line.\n\nLikewise.\n"""\n'),
        ("a.py", "x = 1\nprint(f'{x} at the most')\n"),
        ("a.js", "let x = 1;\n// whoever asks\n"),
        ("a.js", "let x =\n  `a photo that is none`;\n"),
        ("a.lua", "local x = 1\n-- cannot be had\n"),
        ("Makefile", "help:\n\techo taken in\n"),
    ],
)
def test_it_finds_a_word_and_its_line(name: str, text: str, tmp_path: Path) -> None:
    [line] = check(tmp_path, name, text)
    assert line.startswith((f"{name}:2: ", f"{name}:3: "))
    assert "write " in line


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.py", "alone = nobody = 1\n"),
        ("a.py", 'message = {"alone": 1}\n'),
        ("a.lua", "local alone = redis.call('HGET', key, 'alone')\n"),
        ("a.js", "const anew = standalone.alone;\n"),
        ("a.md", "The field `alone`; a photo.alone-1; there is none."),
    ],
)
def test_code_and_field_names_are_free(name: str, text: str, tmp_path: Path) -> None:
    assert check(tmp_path, name, text) == []
