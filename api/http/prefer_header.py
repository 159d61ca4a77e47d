"""The ``Prefer`` header of RFC 7240: how long a client would wait."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

WAIT_MAX_S = 120
# How deep the queue may be, in seconds of work, for a request that does not say how long it waits:
# what is taken in is answered within about two, and under overload the rest is refused at once.
PATIENCE_S = 1.0

# name, or name=token, or name="quoted"; parameters after a semicolon are none of ours
_PREFERENCE = re.compile(
    r'\s*([\w!#$%&\'*+.^`|~-]+)\s*(?:=\s*(?:"([^"]*)"|([^\s",;]*)))?\s*(?:;.*)?$'
)
_COMMA = re.compile(r',(?=(?:[^"]*"[^"]*")*[^"]*$)')
_LONGEST = 1_000


@dataclass(frozen=True)
class Preference:
    """How long to wait, how long a queue to stand in, and what to say was applied."""

    wait_s: float
    patience_s: float
    applied: str | None


def parse(headers: Iterable[str], default_s: float) -> Preference:
    """Read ``wait=N`` and ``respond-async``; what is unknown or malformed is ignored.

    Both together mean: wait that long, then answer 202. ``respond-async`` alone means not to
    wait. Of a preference given twice the first counts. A longer wait than 120 s becomes 120 s.
    """
    given: dict[str, str] = {}
    for preference in _COMMA.split(",".join(headers)[:_LONGEST]):
        if match := _PREFERENCE.match(preference):
            name, quoted, token = match.groups()
            given.setdefault(name.lower(), quoted or token or "")
    asynchronous = "respond-async" in given
    applied = ["respond-async"] if asynchronous else []
    wait_s = 0.0 if asynchronous else default_s
    patience_s = min(wait_s, PATIENCE_S)
    seconds = given.get("wait", "")
    if seconds.isascii() and seconds.isdecimal():
        wait_s = patience_s = min(int(seconds), WAIT_MAX_S)
        applied.append(f"wait={wait_s}")
    return Preference(wait_s, patience_s, ", ".join(applied) or None)
