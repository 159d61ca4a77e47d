"""Every promise names tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [
    "docs/reliability.md",
    "docs/security.md",
    "docs/decisions/0011-what-celery-and-redis-do.md",
    "docs/decisions/0016-one-redis.md",
]


def test_every_test_that_a_promise_names_is_there() -> None:
    there = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in [path.name, *re.findall(r"def (test_\w+)\(", path.read_text())]
    }
    for page in PAGES:
        named = set(re.findall(r"`(?:\w+/)*(test_\w+(?:\.py)?)`", (ROOT / page).read_text()))
        assert named, page
        assert named <= there, (page, named - there)


def test_every_promise_names_one() -> None:
    rows = [
        line
        for line in (ROOT / PAGES[0]).read_text().partition("## Chaos")[0].splitlines()
        if line.startswith("| ") and not line.endswith("| shown by |")
    ]
    assert len(rows) > 20
    for row in rows:
        assert "`test_" in row.split("|")[-2], row
