"""Which HTTP methods a path allows, and which similar path exists."""

import re

from starlette.routing import Match
from starlette.types import Scope

_METHODS = ("DELETE", "GET", "HEAD", "POST")  # of all routes
# A stream of events does not answer HEAD.
_WITHOUT_HEAD = re.compile(r".*/jobs/[^/]+/events")
# No path of this service is longer.
_PATH_MOST = 200


def answers_head(path: str) -> bool:
    """Whether the path answers HEAD if it answers GET."""
    return not _WITHOUT_HEAD.fullmatch(path)


def allowed(scope: Scope) -> list[str]:
    """All methods of the request's path; Starlette returns only those of the first route."""
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
    """The path without its trailing slash, if that path exists, else ``None``."""
    path: str = scope["path"]
    shorter = path.rstrip("/")
    if shorter == path or len(shorter) > _PATH_MOST or not allowed({**scope, "path": shorter}):
        return None
    return shorter.removeprefix(scope.get("root_path", ""))
