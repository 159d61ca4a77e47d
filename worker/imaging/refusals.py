"""Errors for photos that cannot be decoded."""

from collections.abc import Iterator
from contextlib import contextmanager

from shared.errors import InvalidImage, ServiceError

CANNOT_BE_DECODED = "The photo cannot be decoded. Save it again as an ordinary JPEG or PNG."
ENDS_TOO_EARLY = "The photo ends too early: part of the picture is missing. Send the whole file."

# Texts in the messages of Pillow and libjpeg when memory is exhausted.
_OUT_OF_MEMORY = ("out of memory", "insufficient memory", "memory allocation")


def is_out_of_memory(error: Exception) -> bool:
    """Whether a decoder's exception means that memory is exhausted."""
    message = str(error).lower()
    return any(words in message for words in _OUT_OF_MEMORY)


@contextmanager
def refusals() -> Iterator[None]:
    """Turn a decoder's exceptions into an error for the photo.

    Raises:
        InvalidImage: In place of every exception that is not a `ServiceError`.
        MemoryError: This machine has too little memory. This is not the photo's fault: its size
            was checked before, and another worker can decode it.
    """
    try:
        yield
    except (ServiceError, MemoryError):
        raise
    # Pillow raises OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error and, for
    # fuzzed bytes, other exceptions of its Python code. All of them mean that the file is invalid.
    except Exception as error:
        if is_out_of_memory(error):
            raise MemoryError(str(error)) from error
        truncated = "truncated" in str(error).lower()
        raise InvalidImage(ENDS_TOO_EARLY if truncated else CANNOT_BE_DECODED) from error
