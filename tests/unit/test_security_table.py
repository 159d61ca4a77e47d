"""Every threat in docs/security.md names what shows its defence; that it is there is tested with
the promises of docs/reliability.md.
"""

import re
from pathlib import Path

TABLE = (Path(__file__).parents[2] / "docs" / "security.md").read_text()


def test_every_threat_names_a_test_or_a_file_of_tests() -> None:
    rows = [line for line in TABLE.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 20
    assert [row for row in rows if not re.search(r"`(?:\w+/)*test_\w+", row.split("|")[3])] == []
