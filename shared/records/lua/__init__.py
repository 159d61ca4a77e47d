"""The Lua scripts beside this module: each changes a job in one atomic step."""

from functools import cache
from importlib.resources import files

from shared.redis_keys import lua_names


@cache
def load(name: str) -> str:
    """The text of one script, behind the key names and helpers that all of them use."""
    folder = files("shared.records.lua")
    return lua_names() + (folder / "common.lua").read_text() + (folder / f"{name}.lua").read_text()
