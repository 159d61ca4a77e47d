"""The ``Prefer`` header of RFC 7240: how long a client waits."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

WAIT_MAX_S = 120

# name, or name=token, or name="quoted"; parameters after a semicolon are ignored
_PREFERENCE = re.compile(
    r'\s*([\w!#$%&\'*+.^`|~-]+)\s*(?:=\s*(?:"([^"]*)"|([^\s",;]*)))?\s*(?:;.*)?$'
)
_COMMA = re.compile(r',(?=(?:[^"]*"[^"]*")*[^"]*$)')
_LONGEST = 1_000


@dataclass(frozen=True)
class Preference:
    """How many seconds to wait for the result, and the ``Preference-Applied`` of the response."""

    wait_s: float
    applied: str | None


def parse(headers: Iterable[str], default_s: float) -> Preference:
    """Read ``wait=N`` and ``respond-async``; unknown and malformed preferences are ignored.

    With both, the request waits N seconds and then responds 202. ``respond-async`` without ``wait``
    does not wait. If a preference is repeated, the first counts. The longest wait is 120 s.

    Args:
        headers: The values of all ``Prefer`` headers.
        default_s: Seconds to wait without a preference.
    """
    preferences: dict[str, str] = {}
    for preference in _COMMA.split(",".join(headers)[:_LONGEST]):
        if match := _PREFERENCE.match(preference):
            name, quoted, token = match.groups()
            preferences.setdefault(name.lower(), quoted or token or "")
    asynchronous = "respond-async" in preferences
    applied = ["respond-async"] if asynchronous else []
    wait_s = 0.0 if asynchronous else default_s
    seconds = preferences.get("wait", "")
    if seconds.isascii() and seconds.isdecimal():
        wait_s = min(int(seconds), WAIT_MAX_S)
        applied.append(f"wait={wait_s}")
    return Preference(wait_s, ", ".join(applied) or None)
