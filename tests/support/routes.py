"""Lists the API's routes."""

from collections.abc import Iterable, Iterator

from fastapi import FastAPI
from starlette.routing import BaseRoute, Mount, Route

from api.main import create_app
from api.settings import ApiSettings

A_JOB = "0123456789abcdef0123456789abcdef"


def every_route(app: FastAPI | None = None) -> list[tuple[str, str]]:
    """Method and path of each route; a job id is filled in, and a mount has a path below it."""
    app = app or create_app(ApiSettings())
    found = sorted(set(_walk(app.routes)))
    described = {
        (method.upper(), path.replace("{job_id}", A_JOB))
        for path, operations in app.openapi()["paths"].items()
        for method in operations
    }
    assert described <= set(found), "the walk has missed a route"
    return found


def _walk(routes: Iterable[BaseRoute]) -> Iterator[tuple[str, str]]:
    for route in routes:
        if isinstance(route, Mount):
            yield "GET", f"{route.path}/x"
        elif isinstance(route, Route):
            for method in route.methods or ():
                yield method, route.path.replace("{job_id}", A_JOB)
        else:  # a router of FastAPI's, included as a whole
            yield from _walk(route.original_router.routes)  # type: ignore[attr-defined]
