"""What routes ask for, and what the lifespan builds. Nothing here connects at import."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, NamedTuple

from fastapi import Depends, Path, Query, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from redis.asyncio import Redis

from api.admission.controller import Admission
from api.auth.middleware import owner_of
from api.intake.memory_budget import MemoryBudget
from api.jobs.completion import CompletionListener
from api.jobs.progress import Progress
from api.jobs.service import JobService
from api.settings import ApiSettings
from shared.errors import InvalidParameter, JobNotFound
from shared.messages import EXPLAIN_TOP_K_MAX, TOP_K_DEFAULT, TOP_K_MAX


@dataclass(frozen=True)
class Services:
    """Everything that lives as long as the app."""

    settings: ApiSettings
    redis: Redis
    jobs: JobService
    completions: CompletionListener
    admission: Admission
    budget: MemoryBudget
    progress: Progress


async def services(request: Request) -> Services:
    """The services that this app's lifespan built."""
    found: Services = request.app.state.services
    return found


ServicesDep = Annotated[Services, Depends(services)]
TopK = Annotated[
    int, Query(ge=1, le=TOP_K_MAX, description="how many classes to answer, the best first")
]
_ID = re.compile(r"[0-9a-f]{32}")


async def only_known_parameters(request: Request) -> None:
    """Refuse a query parameter that the route does not have: a typing error would be ignored.

    Raises:
        InvalidParameter: Names the parameter, and those that there are.
    """
    if not request.query_params:
        return
    route: APIRoute = request.scope["route"]
    known = tuple(_query_names(route.dependant))
    for name in request.query_params:
        if name not in known:
            near = get_close_matches(name.lower(), known, 1)
            hint = f"did you mean '{near[0]}'?" if near else f"it may have: {_listed(known)}."
            raise InvalidParameter(f"Unknown query parameter '{name[:64]}': {hint}")


def _query_names(dependant: Dependant) -> Iterator[str]:
    yield from (field.alias for field in dependant.query_params)
    for dependency in dependant.dependencies:
        yield from _query_names(dependency)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "none"


STRICT = [Depends(only_known_parameters)]


async def known_id(
    request: Request,
    services: ServicesDep,
    job_id: Annotated[str, Path(description="as `POST /jobs` or `POST /predict` answered it")],
) -> str:
    """The id, if it is of a job that is the client's own.

    Raises:
        JobNotFound: The job is another's, or this service cannot have made the id, which would be
            a key of the client's choosing.
        BrokerUnavailable: Redis does not answer whose the job is.
    """
    if not _ID.fullmatch(job_id):
        raise JobNotFound("No such job. An id is 32 hexadecimal digits.")
    if owner := owner_of(request.scope):
        await services.jobs.check_owner(job_id, owner)
    return job_id


JobId = Annotated[str, Depends(known_id)]

Explain = Annotated[
    bool,
    Query(
        description="add a class activation map to each class, where in the photo it was seen; "
        f"then `top_k` is at most {EXPLAIN_TOP_K_MAX}"
    ),
]


class ClassifyOptions(NamedTuple):
    """What is to be said of each photo."""

    top_k: int
    explain: bool


async def classify_options(
    top_k: TopK = TOP_K_DEFAULT, *, explain: Explain = False
) -> ClassifyOptions:
    """The parameters of a request with photos.

    Raises:
        InvalidParameter: More maps than a result may hold.
    """
    if explain and top_k > EXPLAIN_TOP_K_MAX:
        raise InvalidParameter(
            f"top_k: with explain=true at most {EXPLAIN_TOP_K_MAX}. Ask for fewer classes, or "
            "without explain."
        )
    return ClassifyOptions(top_k, explain)


ClassifyOptionsDep = Annotated[ClassifyOptions, Depends(classify_options)]
