"""The Lua scripts beside this module: each changes a job in one atomic step."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from shared.redis_keys import lua_names


@cache
def load(name: str) -> str:
    """The text of one script, behind the key names and helpers that all of them use."""
    folder = files("shared.records.lua")
    return lua_names() + (folder / "common.lua").read_text() + (folder / f"{name}.lua").read_text()


def send_args(job_id: str, messages: Mapping[int, str], *, last: bool) -> list[str | int]:
    """The arguments of ``send.lua``, which api and worker call, each by its own kind of client."""
    args: list[str | int] = [job_id, int(last)]
    for index, message in messages.items():
        args += [index, message]
    return args
