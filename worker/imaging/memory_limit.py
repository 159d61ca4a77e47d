"""Refuses, at the start, settings that need more memory than the container's limit.

Otherwise the kernel would kill the worker under load, with all photos that it holds.
"""

from worker.imaging.memory import DECODE_BUDGET_BYTES
from worker.models.weights import ModelUnavailable
from worker.settings import WorkerSettings

_MIB = 1024 * 1024
# Memory of an idle worker with the smallest model.
RUNTIME_BYTES = 300 * _MIB
# Memory per thread: a photo's bytes and the heap. Measured: 256 threads took 280 MB more than 64.
THREAD_BYTES = 4 * _MIB
# Memory of one pixel of a PNG in Pillow.
PIXEL_BYTES = 4
# The defaults fit into every limit in which a worker can start.
_DEFAULTS = {name: field.default for name, field in WorkerSettings.model_fields.items()}


def check_memory(settings: WorkerSettings, limit: int | None) -> None:
    """Refuse settings that do not fit into the memory limit.

    Args:
        settings: The worker's settings.
        limit: Memory limit of this process's control group in bytes; ``None`` without a limit.

    Raises:
        ModelUnavailable: Names the setting, the limit, and the largest value that fits.
    """
    if limit is None:
        return
    left = limit - RUNTIME_BYTES
    threads = max((left - DECODE_BUDGET_BYTES) // THREAD_BYTES, _DEFAULTS["worker_threads"])
    if settings.worker_threads > threads:
        raise _too_large("WORKER_THREADS", settings.worker_threads, threads, limit)
    pixels = max(left // PIXEL_BYTES, _DEFAULTS["max_pixels"])
    if settings.max_pixels > pixels:
        raise _too_large("MAX_PIXELS", settings.max_pixels, pixels, limit)


def _too_large(name: str, value: int, most: int, limit: int) -> ModelUnavailable:
    return ModelUnavailable(
        f"{name}={value} needs more memory than the limit of this container, {limit // _MIB} MiB: "
        f"set it to at most {most}, or raise the limit (WORKER_MEMORY in compose)"
    )
