"""Errors for photos that cannot be decoded."""

CANNOT_BE_DECODED = "The photo cannot be decoded. Save it again as an ordinary JPEG or PNG."
ENDS_TOO_EARLY = "The photo ends too early: part of the picture is missing. Send the whole file."

# Texts in the messages of Pillow and libjpeg when memory is exhausted.
_OUT_OF_MEMORY = ("out of memory", "insufficient memory", "memory allocation")


def is_out_of_memory(error: Exception) -> bool:
    """Whether a decoder's exception means that memory is exhausted."""
    message = str(error).lower()
    return any(words in message for words in _OUT_OF_MEMORY)
