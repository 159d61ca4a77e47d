"""API keys: the service stores each key's SHA-256 and never the key itself.

``python -m api.keys NAME`` makes a key. A key has 256 random bits, so its plain SHA-256 cannot be
reversed by trying keys.
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
    """One API key in the settings.

    Attributes:
        owner: The owner of the jobs that the key creates and sees. An owner may have several keys,
            so that a key can be replaced.
        digest: The key's SHA-256, 32 bytes.
    """

    owner: str
    digest: bytes


class Keyring:
    """All API keys of the service; without keys the service is open to all clients."""

    def __init__(self, keys: Iterable[ApiKey] = ()) -> None:
        self._keys = tuple(keys)

    def __bool__(self) -> bool:
        return bool(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def owners(self) -> set[str]:
        """The owners of all keys."""
        return {key.owner for key in self._keys}

    def owner_of(self, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
        """The owner of the key in the request headers, or ``None``; compares in constant time."""
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

    A ``#`` begins a comment, up to the end of the line.

    Raises:
        ValueError: An entry is invalid; the message has its number, never its text.
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
    """A new key, and its entry for the settings.

    Raises:
        ValueError: The name has other characters than letters, digits, dots, dashes and
            underscores, or not 1 to 64 of them.
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
