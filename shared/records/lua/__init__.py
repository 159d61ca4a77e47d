"""The Lua scripts in this folder; each changes a job in one atomic step."""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from shared.redis_keys import lua_names

# Scripts that make no client wait and give no turn; they run for each photo.
WITHOUT_TURNS = {"finish"}


@cache
def load(name: str) -> str:
    """The text of a script, after the key names and helpers that it uses."""
    folder = files("shared.records.lua")
    parts = ("common", name) if name in WITHOUT_TURNS else ("common", "turns", name)
    text = "".join((folder / f"{part}.lua").read_text() for part in parts)
    return lua_names(set(re.findall(r"\bKEY\.(\w+)", text))) + text


def send_args(job_id: str, messages: Mapping[range, str], *, last: bool) -> list[str | int]:
    """The arguments of ``send.lua``, for the API's and the worker's Redis clients."""
    args: list[str | int] = [job_id, int(last)]
    for indices, message in messages.items():
        args += [indices.start, len(indices), message]
    return args
