"""Errors for photos that cannot be decoded."""

from shared.errors import InvalidImage

CANNOT_BE_DECODED = "The photo cannot be decoded. Save it again as an ordinary JPEG or PNG."
ENDS_TOO_EARLY = "The photo ends too early: part of the picture is missing. Send the whole file."

# In every format that can be animated: 80 seconds at 60 frames a second.
MAX_FRAMES = 5_000

# Texts in the messages of Pillow and libjpeg when memory is exhausted.
_OUT_OF_MEMORY = ("out of memory", "insufficient memory", "memory allocation")


def is_out_of_memory(error: Exception) -> bool:
    """Whether a decoder's exception means that memory is exhausted."""
    message = str(error).lower()
    return any(words in message for words in _OUT_OF_MEMORY)


def too_many_frames(name: str) -> InvalidImage:
    """The error for an animation of more than `MAX_FRAMES` frames, in the format of this name."""
    return InvalidImage(
        f"The {name} has more than {MAX_FRAMES} frames or other parts. Send its first frame."
    )
