"""Settings that need more memory than the container's limit are refused at the start.

Otherwise the kernel would kill the worker under load, with the photos that it holds.
"""

from worker.imaging.memory import DECODE_BUDGET_BYTES
from worker.models.weights import ModelUnavailable
from worker.settings import WorkerSettings

_MIB = 1024 * 1024
# A worker with the smallest model and nothing to do.
RUNTIME_BYTES = 300 * _MIB
# A photo's bytes and what the heap keeps. Measured: 256 threads took 280 MB more than 64.
THREAD_BYTES = 4 * _MIB
# What Pillow needs for one pixel of a PNG.
PIXEL_BYTES = 4
# The defaults fit into every limit in which a worker starts at all.
_DEFAULTS = {name: field.default for name, field in WorkerSettings.model_fields.items()}


def check_memory(settings: WorkerSettings, limit: int | None) -> None:
    """Refuse what cannot fit.

    Args:
        settings: The worker's.
        limit: Bytes that this process's control group may use, or ``None`` without a limit.

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
