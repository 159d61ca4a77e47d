"""``Idempotency-Key``: a request that is sent twice creates one job.

Two requests are the same if they have the same files, file names and parameters. Their bodies are
not compared, because a retry may use another multipart boundary.
"""

import hashlib
import json
from typing import Annotated

from fastapi import Header

from shared.records.new_job import Idempotency

KEY_MAX = 255

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=KEY_MAX,
        pattern=r"^[!-~]+$",
        description="Makes retries safe. Choose a new text for each job and send the same text "
        "when you retry: the response is then the existing job. Printable ASCII, no spaces.",
        examples=["8e03978e-40d5-43dd-bc93-6894a57f9324"],
    ),
]


def own_key(key: str, owner: str) -> str:
    """The hashed key that is stored in Redis.

    The hash includes the owner, so two owners may use the same key without a conflict.
    """
    return hashlib.sha256(f"{owner}\n{key}".encode()).hexdigest()


class Fingerprint:
    """A digest of a request's parameters and of each photo's name and content, in order."""

    def __init__(self, **parameters: object) -> None:
        self._digest = hashlib.sha256()
        self._take(parameters)

    def add(self, filename: str | None, sha256: bytes) -> None:
        """Add the next photo.

        Args:
            filename: The file name that the client sent, or ``None``.
            sha256: The digest of the photo's bytes.
        """
        self._take([filename, sha256.hex()])

    def _take(self, value: object) -> None:
        self._digest.update(json.dumps(value, sort_keys=True).encode() + b"\n")

    def under(self, own_key: str) -> Idempotency:
        """The key and the fingerprint, as the job's record keeps them."""
        return Idempotency(own_key, self._digest.hexdigest())
