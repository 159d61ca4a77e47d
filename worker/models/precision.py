"""Chooses between fp32 and bf16 for `PRECISION=auto` on a processor.

That a processor has instructions for bf16 does not mean that they are faster (decision 0024). So
the engine measures both, once for each processor, and the times are kept in `MODEL_CACHE`.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from shared import log
from worker.models.kept_times import kept_times

_log = log.get(__name__)

# Models that use fp32 unless PRECISION is set: in bf16 only 92 % of 240 views keep their first
# class (ResNet-50: 99 %; measured with scripts.checks.agreement).
FRAGILE = {"efficientnet_lite0"}
# bf16 changes some answers, so it must take at most this share of fp32's time.
WORTH = 0.9


def faster(place: Path, measure: Callable[[], Sequence[float]]) -> str:
    """`fp32` or `bf16`, by the times that are kept, or else measured now.

    Args:
        place: See `kept_times`.
        measure: Returns how long one core computes a photo in fp32 and in bf16, in milliseconds.
    """
    fp32_ms, bf16_ms = kept_times(place, ("fp32", "bf16"), measure)
    taken = "bf16" if bf16_ms <= WORTH * fp32_ms else "fp32"
    _log.info(
        f"PRECISION=auto takes {taken} on this processor",
        fp32_ms=round(fp32_ms, 1),
        bf16_ms=round(bf16_ms, 1),
    )
    return taken
