"""Which methods a path has, and which path a client may have meant."""

import re

from starlette.routing import Match
from starlette.types import Scope

_METHODS = ("DELETE", "GET", "HEAD", "POST")  # all that any route has
# A stream of events has no head worth waiting for.
_WITHOUT_HEAD = re.compile(r".*/jobs/[^/]+/events")
# Longer ids are not this service's.
_PATH_MOST = 200


def answers_head(path: str) -> bool:
    """Whether HEAD is answered where GET is."""
    return not _WITHOUT_HEAD.fullmatch(path)


def allowed(scope: Scope) -> list[str]:
    """Every method of the path that is asked for; Starlette names those of its first route."""
    routes = scope["app"].routes
    found = {
        method
        for method in _METHODS
        if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in routes)
    }
    if "GET" in found and answers_head(scope["path"]):
        found.add("HEAD")
    return sorted(found)


def without_slash(scope: Scope) -> str | None:
    """The path without its trailing slash, below any prefix, where such a path exists."""
    path: str = scope["path"]
    shorter = path.rstrip("/")
    if shorter == path or len(shorter) > _PATH_MOST or not allowed({**scope, "path": shorter}):
        return None
    return shorter.removeprefix(scope.get("root_path", ""))
