"""``python -m worker.healthcheck``: health check of the worker on this host, for containers.

Exits 0 when a worker of this host name is idle or busy and its heartbeat is fresh, else 1 with one
line that says why. Imports no model.
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
    """Why no worker of this host works, or ``None`` when one does.

    Args:
        host: The part of a worker's name after the ``@``.
        reports: Incarnation to report, as JSON.
        beats: Incarnation to its last heartbeat, in ms by Redis's clock.
        now_ms: Redis's clock.
    """
    why = f"no worker on {host} has reported"
    for incarnation, text in reports.items():
        try:
            report = WorkerReport.model_validate_json(text)
        except ValidationError:
            continue  # of another release, and so of another container
        if report.name.rpartition("@")[2] != host:
            continue
        # one ahead of now is of before Redis's clock was set back
        age_ms = abs(now_ms - beats.get(incarnation, 0))
        if age_ms > FRESH_MS:
            why = f"{report.name} has been silent for {age_ms / 1000:.0f} s"
        elif report.status in {WorkerState.IDLE, WorkerState.BUSY}:
            return None
        else:
            why = f"{report.name} is {report.status.value}"
    return why


def main() -> int:
    """Ask Redis; returns the exit code."""
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
        print(why, file=sys.stderr)  # noqa: T201 - what a person reads in the container's health log
    return 1 if why else 0


if __name__ == "__main__":
    sys.exit(main())
