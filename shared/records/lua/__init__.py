"""The Lua scripts beside this module: each changes a job in one atomic step."""

from functools import cache
from importlib.resources import files


@cache
def load(name: str) -> str:
    """The text of one script, behind the helpers that all of them use."""
    folder = files("shared.records.lua")
    return (folder / "common.lua").read_text() + (folder / f"{name}.lua").read_text()
