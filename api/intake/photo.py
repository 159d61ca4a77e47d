"""A photo as a client sent it: its first bytes, and its file name.

With the file name the client matches a result to its file.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message

from api.intake.pieces import Pieces
from shared.errors import UploadTooLarge

MAX_FILENAME = 255
# A name that consists of encoded words only, as .NET and mail libraries send it.
_ENCODED_WORDS = re.compile(r"(?:=\?[\w*-]+\?[bBqQ]\?[^?\s]*\?=\s*)+")
# These reorder the text around them, so that "gpj.exe" reads "exe.jpg".
_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_INVISIBLE = frozenset({"Cc", "Cs", "Zl", "Zp"})  # controls, surrogates, line separators


@dataclass(frozen=True)
class Photo:
    """Bytes that begin like an accepted format, and the file name that the client sent."""

    filename: str | None
    data: Pieces = field(repr=False)


def too_large(limit: int) -> UploadTooLarge:
    """The error for a photo of more than ``limit`` bytes."""
    return UploadTooLarge(f"A photo may have at most {limit} bytes. Send a smaller photo.")


def filename_of(disposition: bytes, plain: bytes | None) -> str | None:
    """The file name of a part.

    Args:
        disposition: The value of its Content-Disposition header.
        plain: The header's parameter ``filename``, unquoted, or ``None``.

    Returns:
        ``filename*`` (RFC 5987) if present, else ``filename``, as RFC 6266 requires; encoded words
        (RFC 2047) and ``%22``, a double quote in HTML's forms, are decoded. ``None`` if the header
        has neither.
    """
    if b"*" in disposition and (extended := _extended(disposition)) is not None:
        return extended
    if plain is None:
        return None
    name = plain.decode(errors="replace")
    # so HTML has clients send a double quote; they leave other percent signs as they are
    name = name.replace("%22", '"')
    return _decoded(name) if "=?" in name else name


def _extended(disposition: bytes) -> str | None:
    message = Message()
    message["Content-Disposition"] = _one_line(disposition)
    value = message.get_param("filename", None, "content-disposition")
    # a tuple of charset, language and value if the parameter was `filename*`
    if not isinstance(value, tuple):
        return None
    charset, _, text = value
    if charset is None:
        return None
    try:
        return text.encode("latin-1").decode(charset or "utf-8", "replace")
    except (LookupError, ValueError):  # not a charset, or bytes that are not in it
        return None


def _one_line(disposition: bytes) -> str:
    """Only the extended parameters; otherwise the parser would prefer the plain ``filename``."""
    parameters = disposition.decode("latin-1").replace("\r", " ").replace("\n", " ").split(";")
    return ";".join(["form-data", *(part for part in parameters if "*" in part.partition("=")[0])])


def _decoded(name: str) -> str:
    if not _ENCODED_WORDS.fullmatch(name):
        return name
    try:
        decoded = "".join(
            part.decode(charset or "ascii", "replace") if isinstance(part, bytes) else part
            for part, charset in decode_header(name)
        )
    except (HeaderParseError, LookupError, ValueError):
        return name
    return decoded or name


def clean_filename(name: str | None) -> str | None:
    """The last component of the path that the client sent, up to 255 characters.

    Control characters, line separators and bidirectional overrides are removed. The name is only
    shown and returned; no file is opened by it.
    """
    if name is None:
        return None
    last = name.replace("\\", "/").rpartition("/")[2]
    kept = "".join(
        c for c in last if c not in _BIDI_CONTROLS and unicodedata.category(c) not in _INVISIBLE
    )
    return kept[:MAX_FILENAME] if kept.strip() else None
