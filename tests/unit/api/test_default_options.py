"""A route that is called with the default options needs nothing that FastAPI would have read."""

from collections.abc import Iterator

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from api.dependencies import (
    ClassifyOptions,
    DefaultOptionsRoute,
    classify_options,
    only_known_parameters,
    services,
)
from api.main import create_app
from api.routes.predict import router
from api.settings import ApiSettings

ROUTES = [route for route in router.routes if isinstance(route, DefaultOptionsRoute)]


def all_of(dependant: Dependant) -> Iterator[Dependant]:
    for dependency in dependant.dependencies:
        yield dependency
        yield from all_of(dependency)


def test_predict_is_such_a_route() -> None:
    assert [route.path for route in ROUTES] == ["/predict"]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_without_a_query_there_is_nothing_to_read(route: APIRoute) -> None:
    found = [route.dependant, *all_of(route.dependant)]
    assert {one.call for one in found[1:]} == {only_known_parameters, services, classify_options}
    for one in found:
        others = (one.path_params, one.header_params, one.cookie_params, one.body_params)
        assert not any(others)
        assert not any(field.field_info.is_required() for field in one.query_params)


def test_no_dependency_is_added_where_the_routes_are_included() -> None:
    app = create_app(ApiSettings(_env_file=None))
    assert not app.router.dependencies


async def test_the_default_options_are_those_of_the_description() -> None:
    described = create_app(ApiSettings(_env_file=None)).openapi()["paths"]["/predict"]["post"]
    defaults = {one["name"]: one["schema"].get("default") for one in described["parameters"]}
    del defaults["Prefer"]
    assert ClassifyOptions(**defaults) == await classify_options()
