"""``python -m worker.healthcheck``: health check of the worker in this container.

Exits with 0 if a worker with this host name is idle or busy and its heartbeat is recent. Otherwise
prints the reason and exits with 1. Does not import the model.
"""

import socket
import sys

from pydantic import ValidationError

from shared import redis_keys
from shared.messages import WorkerReport, WorkerState
from shared.redis_client import REDIS_DOWN, connect
from worker.settings import WorkerSettings

FRESH_MS = 10_000


def verdict(host: str, reports: dict[str, str], beats: dict[str, float], now_ms: int) -> str | None:
    """The reason why no worker of this host works, or ``None`` if a worker does.

    Args:
        host: The part of a worker's name after the ``@``.
        reports: Each incarnation's report, as JSON.
        beats: Time of each incarnation's last heartbeat, in ms by Redis's clock.
        now_ms: Time in ms by Redis's clock.
    """
    why = f"no worker on {host} has reported"
    for incarnation, text in reports.items():
        try:
            report = WorkerReport.model_validate_json(text)
        except ValidationError:
            continue  # written by another release, so by another container
        if report.name.rpartition("@")[2] != host:
            continue
        # a heartbeat in the future means that Redis's clock was set back
        age_ms = abs(now_ms - beats.get(incarnation, 0))
        if age_ms > FRESH_MS:
            why = f"{report.name} has been silent for {age_ms / 1000:.0f} s"
        elif report.status in {WorkerState.IDLE, WorkerState.BUSY}:
            return None
        else:
            why = f"{report.name} is {report.status.value}"
    return why


def main() -> int:
    """Check the worker through Redis; returns the exit code."""
    try:
        with connect(WorkerSettings().redis_url, timeout_s=2.0).pipeline() as pipe:
            pipe.time()
            pipe.hgetall(redis_keys.WORKERS)
            pipe.zrange(redis_keys.BEATS, 0, -1, withscores=True)
            (seconds, micros), reports, beats = pipe.execute()
    except REDIS_DOWN as error:
        why: str | None = f"redis does not answer: {type(error).__name__}"
    else:
        now_ms = seconds * 1000 + micros // 1000
        why = verdict(socket.gethostname(), reports, dict(beats), now_ms)
    if why:
        print(why, file=sys.stderr)  # noqa: T201 - for the container's health log
    return 1 if why else 0


if __name__ == "__main__":
    sys.exit(main())
