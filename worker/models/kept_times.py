"""Times that each kind of processor measures once and keeps in `MODEL_CACHE`."""

import platform
import re
import shutil
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

from pydantic import BaseModel, ConfigDict, PositiveFloat, ValidationError

from shared import log
from worker.models.cache import why_not_written, written_whole

_log = log.get(__name__)

_FILE = "times.json"
_CPUINFO = Path("/proc/cpuinfo")
# What the kernel reports about each processor that does not change, on x86 and on ARM.
_LASTING = re.compile(
    r"^(vendor_id|cpu family|model|model name|stepping|flags|CPU implementer|CPU variant|CPU part"
    r"|CPU revision|Features)\s*: (.*)$",
    re.MULTILINE,
)


class _Times(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    processor: str
    ms: dict[str, PositiveFloat]


def kept_times(
    place: Path, names: Sequence[str], measure: Callable[[], Sequence[float]]
) -> list[float]:
    """The times that are kept, or else measured now, in milliseconds.

    Args:
        place: Folder of the times of all processors; if it is not writable, each start measures.
        names: What each time is of.
        measure: Returns as many times, in milliseconds.
    """
    name = processor()
    folder = place / sha256(name.encode()).hexdigest()[:12]
    kept = _read(folder, name, names)
    if kept is None:
        # Not later: by then another worker may have written its own.
        shutil.rmtree(folder, ignore_errors=True)
        kept = _keep(folder, _Times(processor=name, ms=dict(zip(names, measure(), strict=True))))
    return [kept.ms[each] for each in names]


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


def _read(folder: Path, name: str, names: Sequence[str]) -> _Times | None:
    try:
        times = _Times.model_validate_json((folder / _FILE).read_bytes())
    except (OSError, ValidationError):
        return None
    return times if times.processor == name and times.ms.keys() == set(names) else None


def _keep(folder: Path, times: _Times) -> _Times:
    """The times that are kept in the end: those of another worker if it was quicker."""
    names = list(times.ms)
    try:
        with written_whole(folder) as scratch:
            (scratch / _FILE).write_text(times.model_dump_json())
    except OSError as error:
        _log.info(
            f"the next start measures {' and '.join(names)} again: "
            + why_not_written(folder.parent, error)
        )
        return times
    return _read(folder, times.processor, names) or times
