"""Chooses how many photos share a call of the model on a processor (decision 0025).

On some processors a photo takes less time if it shares a call, on others more. So the engine
measures both, once for each processor, and the times are kept in `MODEL_CACHE`.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from shared import log
from worker.models.kept_times import kept_times

_log = log.get(__name__)

SEVERAL = 4
# Calls of several photos are only measured with so many cores.
MOST_CORES = 2
# Such calls, on all cores and on each of two, hold the activations of 12 photos: with 12 photos of
# 12 megapixels at a time a worker took 720 MB instead of 576 MB, and 890 MB with a batch of them
# beside (measured).
LEAST_MEMORY_BYTES = 1024**3
# In a shared call a photo must take at most this share of its time by itself, because such a call
# keeps `/predict` waiting for longer; and a call on all cores must not take longer than this. On
# one of two cores it takes twice as long.
WORTH = 0.96
LONGEST_CALL_MS = 150.0


def photos_per_call(place: Path, cores: int, measure: Callable[[], Sequence[float]]) -> int:
    """`SEVERAL`, or 1 where that is not clearly faster; nothing is measured for many cores.

    Args:
        place: See `kept_times`.
        cores: The number of cores of this process.
        measure: Returns how long one core computes a photo by itself and in a call of `SEVERAL`,
            in milliseconds.
    """
    if cores > MOST_CORES:
        return 1
    one_ms, shared_ms = kept_times(place, ("one", f"{SEVERAL} together"), measure)
    call_ms = SEVERAL * shared_ms / cores
    shares = shared_ms <= WORTH * one_ms and call_ms <= LONGEST_CALL_MS
    taken = SEVERAL if shares else 1
    _log.info(
        f"photos in a call of the model on this processor: {taken}",
        alone_ms=round(one_ms, 1),
        shared_ms=round(shared_ms, 1),
    )
    return taken
