"""The Lua scripts in ``shared/lua``: each changes a job in one atomic step. Depends on nothing."""

from functools import cache
from importlib.resources import files


@cache
def load(name: str) -> str:
    """The text of one script, with the helpers that all of them use in front."""
    folder = files("shared") / "lua"
    return (folder / "common.lua").read_text() + (folder / f"{name}.lua").read_text()
