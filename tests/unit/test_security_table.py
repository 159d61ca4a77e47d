"""Every test that docs/security.md names is there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE = (ROOT / "docs" / "security.md").read_text()


def test_every_row_names_a_test_or_a_file_of_tests() -> None:
    rows = [line for line in TABLE.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 20
    assert [row for row in rows if not re.search(r"`test_|test_\w+\.py`", row)] == []


def test_every_test_that_is_named_is_there() -> None:
    code = "\n".join(file.read_text() for file in (ROOT / "tests").rglob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", TABLE))
    assert {name for name in named if f"def {name}(" not in code} == set()


def test_every_file_that_is_named_is_there() -> None:
    named = set(re.findall(r"`(\w[\w/]+/test_\w+\.py)`", TABLE))
    assert len(named) > 8
    assert {name for name in named if not (ROOT / "tests" / name).is_file()} == set()
