"""What routes ask for, and what the lifespan builds. Nothing here connects at import."""

import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Query, Request
from redis.asyncio import Redis

from api.admission import Admission
from api.budget import IntakeBudget
from api.desk import Desk
from api.progress import Progress
from api.settings import ApiSettings
from api.waiting import Waiter
from shared.errors import JobNotFound
from shared.limits import TOP_K_DEFAULT, TOP_K_MAX


@dataclass(frozen=True)
class Services:
    """Everything that lives as long as the app."""

    settings: ApiSettings
    redis: Redis
    desk: Desk
    waiter: Waiter
    admission: Admission
    budget: IntakeBudget
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


async def known_id(
    job_id: Annotated[str, Path(description="as `POST /jobs` or `POST /predict` answered it")],
) -> str:
    """The id, if this service can have made it; anything else would be a key of its choosing.

    Raises:
        JobNotFound: It cannot.
    """
    if not _ID.fullmatch(job_id):
        raise JobNotFound("No such job. An id is 32 hexadecimal digits.")
    return job_id


JobId = Annotated[str, Depends(known_id)]

TOP_K = TOP_K_DEFAULT
