"""Every Redis key's name is spelled in one module."""

import re
from pathlib import Path

from shared import redis_keys
from shared.records.lua import load

ROOT = Path(__file__).parents[3]
# "ic:" that is not the end of another word
KEY = re.compile(rf"(?<![\w]){redis_keys.PREFIX}\w?")


def test_no_other_file_spells_a_key() -> None:
    spelled = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for folder in ("api", "worker", "shared")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".lua"} and path.name != "redis_keys.py"
        for line in path.read_text().splitlines()
        if KEY.search(line)
    ]
    assert spelled == []


def test_lua_knows_every_name_that_it_uses() -> None:
    for path in (ROOT / "shared/records/lua").glob("*.lua"):
        loaded = load("create" if path.stem in {"common", "turns"} else path.stem)
        for name in re.findall(r"\bKEY\.(\w+)", path.read_text()):
            assert f"{name} = '{getattr(redis_keys, name)}'" in loaded
