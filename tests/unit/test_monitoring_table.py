"""docs/monitoring.md names each alert and no other, and says what becomes of one that fires.

Its metrics are compared with a real scrape, in ``tests/integration/api/test_metrics.py``.
"""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "monitoring.md").read_text()


def documented(heading: str) -> set[str]:
    section = TEXT.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`([A-Za-z_]+)`", row)}


def test_each_alert_is_in_the_table() -> None:
    rules = yaml.safe_load((ROOT / "deploy" / "monitoring" / "rules.yml").read_text())
    assert documented("Alerts") == {rule["alert"] for rule in rules["groups"][0]["rules"]}


def test_who_hears_of_an_alert_is_said() -> None:
    shipped = yaml.safe_load((ROOT / "deploy" / "monitoring" / "prometheus.yml").read_text())
    assert ("no Alertmanager is shipped" in TEXT) is ("alerting" not in shipped)
