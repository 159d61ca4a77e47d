"""What the client is told when its photo cannot be decoded."""

from collections.abc import Iterator
from contextlib import contextmanager

from shared.errors import InvalidImage, ServiceError

CANNOT_BE_DECODED = "The photo cannot be decoded. Save it again as an ordinary JPEG or PNG."
ENDS_TOO_EARLY = "The photo ends too early: part of the picture is missing. Send the whole file."

# Words of Pillow's and libjpeg's messages about memory that this machine does not have.
_OUT_OF_MEMORY = ("out of memory", "insufficient memory", "memory allocation")


def is_out_of_memory(error: Exception) -> bool:
    """Whether a decoder says that it got no memory, in the words of Pillow or libjpeg."""
    message = str(error).lower()
    return any(words in message for words in _OUT_OF_MEMORY)


@contextmanager
def refusals() -> Iterator[None]:
    """Turn whatever a decoder raises into an error of the photo.

    Raises:
        InvalidImage: In place of every exception that is not a `ServiceError`.
        MemoryError: This machine lacks memory. That is not the photo's fault: its size was judged
            before, and another worker can decode it.
    """
    try:
        yield
    except (ServiceError, MemoryError):
        raise
    # Pillow raises OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error and, on
    # fuzzed bytes, whatever its Python makes of them: all of it says that the bytes are bad.
    except Exception as error:
        if is_out_of_memory(error):
            raise MemoryError(str(error)) from error
        truncated = "truncated" in str(error).lower()
        raise InvalidImage(ENDS_TOO_EARLY if truncated else CANNOT_BE_DECODED) from error
