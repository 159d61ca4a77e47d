"""What every answer tells a browser not to do. Depends on nothing."""

from collections.abc import Iterable

Field = tuple[bytes, bytes]

# Each where the answer says nothing of it: the pages have a policy of their own.
DEFAULTS: tuple[Field, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_NEVER_KEPT = (b"cache-control", b"no-store")
# What has an ETag is a file of this service.
_ASKED_AGAIN = (b"cache-control", b"no-cache")


def defaults_for(headers: Iterable[Field]) -> list[Field]:
    """What is to be added to an answer with these headers."""
    names = {name for name, _ in headers}
    added = [field for field in DEFAULTS if field[0] not in names]
    if b"cache-control" not in names:
        added.append(_ASKED_AGAIN if b"etag" in names else _NEVER_KEPT)
    return added
