"""What is checked before ``make serve`` starts anything."""

from pathlib import Path

import pytest

from scripts.serve import settings


def test_relative_paths_begin_where_the_programs_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    root.mkdir()
    elsewhere.mkdir()
    (root / "keys.txt").write_text(f"alice:{'0' * 64}\n")
    monkeypatch.setattr(settings, "ROOT", root)
    monkeypatch.setenv("API_KEYS_FILE", "keys.txt")
    monkeypatch.chdir(elsewhere)
    settings.check_programs()
    assert Path.cwd() == elsewhere
