"""FastAPI dependencies of the routes, and the services that the lifespan builds."""

import re
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, NamedTuple

from fastapi import Depends, Path, Query, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from redis.asyncio import Redis

from api.admission.queue_limits import Admission
from api.intake.body import MemoryBudget
from api.jobs.completion_or_disconnect import CompletionListener
from api.jobs.progress import Progress
from api.jobs.service import JobService
from api.settings import ApiSettings
from shared.errors import InvalidParameter, JobNotFound
from shared.messages import EXPLAIN_TOP_K_MAX, TOP_K_DEFAULT, TOP_K_MAX
from shared.records.batches import BatchList


@dataclass(frozen=True)
class Services:
    """Objects that live as long as the app."""

    settings: ApiSettings
    redis: Redis
    jobs: JobService
    completions: CompletionListener
    admission: Admission
    budget: MemoryBudget
    progress: Progress
    batches: BatchList


async def services(request: Request) -> Services:
    """The services that this app's lifespan built."""
    found: Services = request.app.state.services
    return found


ServicesDep = Annotated[Services, Depends(services)]
TopK = Annotated[
    int,
    Query(ge=1, le=TOP_K_MAX, description="how many classes to return, the most probable first"),
]
_ID = re.compile(r"[0-9a-f]{32}")


async def only_known_parameters(request: Request) -> None:
    """Refuse an unknown or repeated query parameter, of which FastAPI would ignore all but one.

    Raises:
        InvalidParameter: Names the parameter, and the known ones.
    """
    if not request.query_params:
        return
    route: APIRoute = request.scope["route"]
    known = tuple(_query_names(route.dependant))
    for name in request.query_params:
        if name not in known:
            near = get_close_matches(name.lower(), known, 1)
            hint = f"Did you mean '{near[0]}'?" if near else f"Known parameters: {_listed(known)}."
            raise InvalidParameter(f"Unknown query parameter '{name[:64]}'. {hint}")
        if len(request.query_params.getlist(name)) > 1:
            raise InvalidParameter(f"'{name}' is given more than once. Send it once.")


def _query_names(dependant: Dependant) -> Iterator[str]:
    yield from (field.alias for field in dependant.query_params)
    for dependency in dependant.dependencies:
        yield from _query_names(dependency)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "none"


STRICT = [Depends(only_known_parameters)]


def owner_of(request: Request) -> str:
    """Owner of the request's key; empty if there are no keys."""
    owner: str = request.scope.get("owner", "")
    return owner


async def known_id(
    request: Request,
    services: ServicesDep,
    job_id: Annotated[str, Path(description="the `job_id` from `POST /jobs` or `POST /predict`")],
) -> str:
    """The job id, if the job belongs to the client.

    Raises:
        JobNotFound: The job belongs to another owner, or the id does not have the form of this
            service's ids; such a text must not become part of a Redis key.
        BrokerUnavailable: Redis does not respond, so the owner of the job is unknown.
    """
    if not _ID.fullmatch(job_id):
        raise JobNotFound("No such job. Check the id: it has 32 hexadecimal digits.")
    if owner := owner_of(request):
        await services.jobs.check_owner(job_id, owner)
    return job_id


JobId = Annotated[str, Depends(known_id)]

Explain = Annotated[
    bool,
    Query(
        description="add a class activation map to each class: it shows where in the photo the "
        f"model saw the class. `top_k` is then at most {EXPLAIN_TOP_K_MAX}"
    ),
]


MinConfidence = Annotated[
    float,
    Query(
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="leave out the classes with a lower `confidence`, after `top_k`; possibly all",
    ),
]


class ClassifyOptions(NamedTuple):
    """What each photo's result contains."""

    top_k: int
    explain: bool
    min_confidence: float


async def classify_options(
    top_k: TopK = TOP_K_DEFAULT, *, explain: Explain = False, min_confidence: MinConfidence = 0.0
) -> ClassifyOptions:
    """The query parameters of a request with photos.

    Raises:
        InvalidParameter: More activation maps than a result may hold.
    """
    if explain and top_k > EXPLAIN_TOP_K_MAX:
        raise InvalidParameter(
            f"top_k: may be at most {EXPLAIN_TOP_K_MAX} with explain=true. Lower top_k, or leave "
            "out explain."
        )
    return ClassifyOptions(top_k, explain, min_confidence)


ClassifyOptionsDep = Annotated[ClassifyOptions, Depends(classify_options)]


class DefaultOptionsRoute(APIRoute):
    """A route that takes the request, the services and `ClassifyOptions`, and nothing else.

    Without a query string it is called with the default options. FastAPI would spend a seventh of
    the API's time for a photo on finding that there is nothing to read.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See `APIRoute`."""
        resolving = super().get_route_handler()

        async def handle(request: Request) -> Response:
            if request.scope["query_string"]:
                return await resolving(request)
            options = await classify_options()
            response: Response = await self.endpoint(request, await services(request), options)
            return response

        return handle


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


def parse_prefer(headers: Iterable[str], default_s: float) -> Preference:
    """Read the ``Prefer`` header (RFC 7240): ``wait=N``, ``respond-async``; all else is ignored.

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
