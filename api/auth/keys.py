"""API keys: who may ask, by the SHA-256 of what they send.

``python -m api.keys NAME`` makes one. Keys have 256 random bits, so a plain SHA-256 of them cannot
be searched, and the service never needs to hold a key.
"""

import argparse
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

PREFIX = "ic_"
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True)
class ApiKey:
    """One entry of the settings: whose key it is, and the key's SHA-256.

    Attributes:
        owner: Whose jobs it opens. Several keys may have one owner, so that a key can be replaced.
        digest: 32 bytes.
    """

    owner: str
    digest: bytes


class Keyring:
    """All keys that open this service; without any it is open to all."""

    def __init__(self, keys: Iterable[ApiKey] = ()) -> None:
        self._keys = tuple(keys)

    def __bool__(self) -> bool:
        return bool(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def owner_of(self, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
        """Whose key the headers of a request carry, in a time that says nothing of the keys."""
        presented = _presented(headers)
        if presented is None:
            return None
        digest = hashlib.sha256(presented).digest()
        owner = None
        for key in self._keys:
            if hmac.compare_digest(key.digest, digest):
                owner = key.owner
        return owner


def _presented(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    bearer = None
    for name, value in headers:
        if name == b"x-api-key":
            return value.strip()
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            bearer = value[7:].strip()
    return bearer


def parse(text: str) -> list[ApiKey]:
    """The entries ``name:sha256`` of a text, separated by commas or white space.

    What follows a ``#`` on a line is a comment.

    Raises:
        ValueError: One of them is no entry; says which, and never what it is.
    """
    lines = (line.partition("#")[0] for line in text.splitlines())
    entries = [entry for line in lines for entry in line.replace(",", " ").split()]
    return [_entry(number, entry) for number, entry in enumerate(entries, 1)]


def _entry(number: int, entry: str) -> ApiKey:
    name, _, digest = entry.partition(":")
    if not _NAME.fullmatch(name) or not _SHA256.fullmatch(digest):
        raise ValueError(
            f"entry {number} is not NAME:SHA256; `python -m api.keys NAME` makes a key and an entry"
        )
    return ApiKey(name, bytes.fromhex(digest))


def make(name: str) -> tuple[str, str]:
    """A new key, and the entry that opens the service to it.

    Raises:
        ValueError: The name is more than letters, digits, dots, dashes and underscores.
    """
    if not _NAME.fullmatch(name):
        raise ValueError("a name has 1 to 64 letters, digits, dots, dashes and underscores")
    key = PREFIX + secrets.token_urlsafe(32)
    return key, f"{name}:{hashlib.sha256(key.encode()).hexdigest()}"


def main(arguments: list[str]) -> None:
    """Print a new key and its entry."""
    parser = argparse.ArgumentParser(prog="python -m api.keys", description="Make an API key.")
    parser.add_argument("name", metavar="NAME", help="the owner of the jobs that the key creates")
    name = parser.parse_args(arguments).name
    try:
        key, entry = make(name)
    except ValueError as error:
        parser.error(str(error))
    print(f"key    {key}")  # noqa: T201 - the only time that anyone sees it
    print(f"entry  {entry}")  # noqa: T201 - printed for the person who adds it
