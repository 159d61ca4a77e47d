"""Prepares a process's memory for decoding, before the first photo.

Settings that need more memory than the container's limit are refused: otherwise the kernel would
kill the worker under load, with the photos that it holds.
"""

from shared.heap import keep_freed
from shared.photo_formats import DEFAULT_FORMATS
from worker.imaging.formats import avif, heic, webp
from worker.models.weights import ModelUnavailable
from worker.settings import WorkerSettings

# Memory of eight photos of 12 megapixels. Small photos decode in parallel on every thread; a photo
# that needs more than the budget is decoded by itself.
DECODE_BUDGET_BYTES = 256 * 1024 * 1024

# Freed memory that the heaps of one queue's threads keep, so that the next photos can be decoded
# into it: at most this, and at most this share of the memory limit. Rarely do the threads of both
# queues decode large photos, and glibc has at most eight heaps per core. Then the least and the
# most that one heap keeps; the most holds the pictures of a JPEG of 1600 x 1200, and those of one
# of 12 megapixels, which is decoded at half its size.
_KEPT_IN_ALL_BYTES = 192 * 1024 * 1024
_KEPT_SHARE = 1 / 4
_LEAST_KEPT_BYTES = 8 * 1024 * 1024
_MOST_KEPT_BYTES = 16 * 1024 * 1024
_MIB = 1024 * 1024
# Memory of an idle worker with the smallest model.
RUNTIME_BYTES = 300 * _MIB
# Memory per thread of each queue: a photo's bytes and the heap. Measured: 256 threads took 280 MB
# more than 64.
THREAD_BYTES = 4 * _MIB
# Most memory of one pixel while a photo of the format is decoded; JPEGs take less than PNGs.
_PIXEL_BYTES = {
    "jpeg": 4,
    "png": 4,
    "webp": webp.PIXEL_BYTES,
    "avif": avif.PIXEL_BYTES,
    "heic": heic.PIXEL_BYTES,
}
# Memory of one more photo in a call of the model on a processor. Measured in fp32: 15 MB with
# ResNet-50, 27 MB with EfficientNet-Lite0 on OpenVINO, which keeps the memory of each stream.
_BATCH_PHOTO_BYTES = 28 * _MIB
# Not refused in any limit.
_SMALL_BATCH = 8
# The defaults, JPEG and PNG among them, fit into every limit in which a worker can start.
_DEFAULTS = {name: field.default for name, field in WorkerSettings.model_fields.items()}


def kept_bytes(threads: int, limit: int | None = None) -> int:
    """Freed memory that one heap keeps.

    Args:
        threads: How many threads of one queue decode, each with a heap.
        limit: Memory limit of this process's control group in bytes; ``None`` without a limit.

    Returns:
        Bytes.
    """
    in_all = min(_KEPT_IN_ALL_BYTES, int(limit * _KEPT_SHARE)) if limit else _KEPT_IN_ALL_BYTES
    return max(_LEAST_KEPT_BYTES, min(_MOST_KEPT_BYTES, in_all // threads))


def give_back_large_blocks(threads: int, limit: int | None = None) -> None:
    """Make glibc return large blocks to the system as soon as they are freed.

    By default glibc does so only at first: it then treats the size of a freed block as usual, and
    keeps blocks of up to 32 MiB in a heap per thread. After 49 megapixels, five times on eight
    threads, a gigabyte was left (measured). This setting by itself would make glibc trim every heap
    to 128 KiB repeatedly, and each photo would have to fetch its pages again: preprocessing took
    4.8 ms instead of 4.0 ms (measured). Therefore each heap may keep `kept_bytes`, and only blocks
    of half as much are returned at once. With 8 MiB a JPEG of 1600 x 1200 took 14.3 ms and 1,490
    page faults; with 16 MiB it takes 12.0 ms and none, as in a process without these settings.

    With another C library, this function does nothing.

    Args:
        threads: See `kept_bytes`.
        limit: See `kept_bytes`.
    """
    kept = kept_bytes(threads, limit)
    keep_freed(kept, kept // 2)


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
    pixels = left // max(_PIXEL_BYTES[name] for name in settings.formats.accepted)
    if settings.formats == DEFAULT_FORMATS:
        pixels = max(pixels, _DEFAULTS["max_pixels"])
    if settings.max_pixels > pixels:
        raise _too_large("MAX_PIXELS", settings.max_pixels, pixels, limit)


def check_batch(size: int | None, limit: int | None) -> None:
    """Refuse a batch size that does not fit into the memory limit, for a model on a processor.

    Args:
        size: The setting `MAX_BATCH_SIZE`; ``None`` for the engine's default.
        limit: As for `check_memory`.

    Raises:
        ModelUnavailable: As for `check_memory`.
    """
    if size is None or limit is None:
        return
    most = max((limit - RUNTIME_BYTES) // _BATCH_PHOTO_BYTES, _SMALL_BATCH)
    if size > most:
        raise _too_large("MAX_BATCH_SIZE", size, most, limit)


def _too_large(name: str, value: int, most: int, limit: int) -> ModelUnavailable:
    return ModelUnavailable(
        f"{name}={value} needs more memory than the limit of this container, {limit // _MIB} MiB: "
        f"set it to at most {most}, or raise the limit (WORKER_MEMORY in compose)"
    )
