"""Errors that a connection sends before a request reaches the app."""

from collections.abc import Iterable

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from api.http.responses import respond_error
from api.server.middleware import Field, defaults_for
from shared.errors import MalformedRequest, ServiceError

MAX_HEAD_BYTES = 32 * 1024
MAX_FIELDS = 100


class HeadersTooLarge(ServiceError):
    """The request line and header fields exceed the limits."""

    slug, status, title = "headers_too_large", 431, "Request header fields too large"


def too_large() -> HeadersTooLarge:
    """The error for a request head that exceeds the limits."""
    return HeadersTooLarge(
        f"The request headers are too large. Send at most {MAX_HEAD_BYTES} bytes and {MAX_FIELDS} "
        "fields."
    )


def cause_of(error: httptools.HttpParserError) -> ServiceError:
    """The error that a parser callback raised, or ``MalformedRequest`` for a parser error."""
    raised = error.__context__
    if isinstance(raised, ServiceError):
        return raised
    return MalformedRequest("Malformed HTTP request. Send it with an HTTP library.")


def raw_response(error: ServiceError, more: Iterable[Field], target: bytes) -> bytes:
    """A complete HTTP/1.1 response with ``Connection: close``.

    Args:
        error: What it tells.
        more: Further header fields.
        target: The request's target as far as it was read; its path decides the form.
    """
    response = respond_error(error, {"connection": "close"})
    response.fit(target.partition(b"?")[0].decode("latin-1"))
    own = response.raw_headers
    fields = [*more, *own, *defaults_for(own)]
    lines = [name + b": " + value + b"\r\n" for name, value in fields]
    return b"".join([STATUS_LINE[error.status], *lines, b"\r\n", bytes(response.body)])
