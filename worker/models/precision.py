"""Chooses between fp32 and bf16 for `PRECISION=auto` on a processor.

That a processor has instructions for bf16 does not mean that they are faster (decision 0024). So
the engine measures both, once for each processor, and the times are kept in `MODEL_CACHE`.
"""

import platform
import re
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from pydantic import BaseModel, ConfigDict, PositiveFloat, ValidationError

from shared import log
from worker.models.cache import why_not_written, written_whole

_log = log.get(__name__)

# Models that use fp32 unless PRECISION is set: in bf16 only 92 % of 240 views keep their first
# class (ResNet-50: 99 %; measured with scripts.checks.agreement).
FRAGILE = {"efficientnet_lite0"}
# bf16 changes some answers, so it must take at most this share of fp32's time.
WORTH = 0.9
_FILE = "times.json"
_CPUINFO = Path("/proc/cpuinfo")
# What the kernel reports about each processor that does not change, on x86 and on ARM.
_LASTING = re.compile(
    r"^(vendor_id|cpu family|model|model name|stepping|flags|CPU implementer|CPU variant|CPU part"
    r"|CPU revision|Features)\s*: (.*)$",
    re.MULTILINE,
)


class Times(BaseModel):
    """How long one core of a processor computes a photo, in milliseconds."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    processor: str
    fp32_ms: PositiveFloat
    bf16_ms: PositiveFloat

    @property
    def faster(self) -> str:
        """`bf16` if it is clearly faster, else `fp32`."""
        return "bf16" if self.bf16_ms <= WORTH * self.fp32_ms else "fp32"


def faster(place: Path, measure: Callable[[], tuple[float, float]]) -> str:
    """`fp32` or `bf16`, by the times that are kept, or else measured now.

    Args:
        place: Folder of the times of all processors; if it is not writable, each start measures.
        measure: Returns how long one core computes a photo in fp32 and in bf16, in milliseconds.
    """
    name = processor()
    folder = place / sha256(name.encode()).hexdigest()[:12]
    times = _read(folder, name)
    if times is None:
        # Not later: by then another worker may have written its own.
        shutil.rmtree(folder, ignore_errors=True)
        fp32_ms, bf16_ms = measure()
        times = _keep(folder, Times(processor=name, fp32_ms=fp32_ms, bf16_ms=bf16_ms))
    _log.info(
        f"PRECISION=auto takes {times.faster} on this processor",
        fp32_ms=round(times.fp32_ms, 1),
        bf16_ms=round(times.bf16_ms, 1),
    )
    return times.faster


def processor(cpuinfo: Path = _CPUINFO) -> str:
    """Name of this kind of processor, with a checksum of its features.

    Virtual machines give different processors the same name.
    """
    try:
        first = cpuinfo.read_text().partition("\n\n")[0]
    except OSError:  # not Linux
        return platform.processor() or platform.machine()
    found = dict(_LASTING.findall(first))
    checksum = sha256(repr(sorted(found.items())).encode()).hexdigest()[:12]
    return f"{found.get('model name', platform.machine())} {checksum}"


def _read(folder: Path, name: str) -> Times | None:
    try:
        times = Times.model_validate_json((folder / _FILE).read_bytes())
    except (OSError, ValidationError):
        return None
    return times if times.processor == name else None


def _keep(folder: Path, times: Times) -> Times:
    """The times that are kept in the end: those of another worker if it was quicker."""
    try:
        with written_whole(folder) as scratch:
            (scratch / _FILE).write_text(times.model_dump_json())
    except OSError as error:
        _log.info(
            "the next start measures fp32 and bf16 again: " + why_not_written(folder.parent, error)
        )
        return times
    return _read(folder, times.processor) or times
