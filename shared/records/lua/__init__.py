"""The Lua scripts in this folder; each changes a job in one atomic step."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from shared.redis_keys import lua_names


@cache
def load(name: str) -> str:
    """The text of a script, after the key names and helpers that all scripts use."""
    folder = files("shared.records.lua")
    return lua_names() + (folder / "common.lua").read_text() + (folder / f"{name}.lua").read_text()


def send_args(job_id: str, messages: Mapping[range, str], *, last: bool) -> list[str | int]:
    """The arguments of ``send.lua``, for the API's and the worker's Redis clients."""
    args: list[str | int] = [job_id, int(last)]
    for indices, message in messages.items():
        args += [indices.start, len(indices), message]
    return args
