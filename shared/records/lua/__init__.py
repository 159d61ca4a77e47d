"""The Lua scripts in this folder; each changes a job in one atomic step."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from shared.messages import ItemResult
from shared.redis_keys import lua_names

if TYPE_CHECKING:
    from shared.records.jobs import NewItem, NewJob


# Which let nobody wait or take turns, and are run for each photo.
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


@dataclass(frozen=True)
class Limits:
    """How many items may wait: in a queue, before and with a job's items, and of its owner."""

    queued: int
    room: int | None
    owned: int | None


def create_args(job: "NewJob", ttl_s: int, limits: Limits, message: str) -> list[str | int]:
    """The arguments of ``create.lua``."""
    idempotency = job.idempotency
    args: list[str | int] = [
        job.job_id,
        job.queue.value,
        job.top_k,
        job.reply_to,
        ttl_s,
        limits.queued,
        idempotency.key if idempotency else "",
        idempotency.fingerprint if idempotency else "",
        job.owner,
        message,
        job.request_id,
        "" if limits.owned is None or not job.owner else limits.owned,
        "" if limits.room is None else limits.room,
    ]
    for item in job.items:
        error = ItemResult(error=item.problem) if item.problem else None
        args += [_dump(item), error.model_dump_json(exclude_none=True) if error else ""]
    return args


def _dump(item: "NewItem") -> str:
    kept = {"filename": item.filename, "upload": item.upload_key}
    options = {"explain": item.explain, "min_confidence": item.min_confidence}
    return json.dumps(kept | {name: value for name, value in options.items() if value})
