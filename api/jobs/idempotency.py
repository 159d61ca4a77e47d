"""``Idempotency-Key``: a request that is sent twice makes one job.

Two requests are the same when they ask for the same contents under the same names with the same
parameters: of honest retries the multipart boundaries differ.
"""

import hashlib
import json
from typing import Annotated

from fastapi import Header

from shared.records.jobs import Idempotency

KEY_MAX = 255

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=KEY_MAX,
        pattern=r"^[!-~]+$",
        description="Any text of the client's choosing, new for each job, the same when the same "
        "job is sent again: then the answer is the job that exists. Printable ASCII, no spaces.",
        examples=["8e03978e-40d5-43dd-bc93-6894a57f9324"],
    ),
]


def own_key(key: str, owner: str) -> str:
    """The key as Redis has it, which never sees the client's own.

    Two owners may choose the same key without learning of each other's jobs.
    """
    return hashlib.sha256(f"{owner}\n{key}".encode()).hexdigest()


class Fingerprint:
    """A digest of a request: its parameters, then each photo's name and contents in order."""

    def __init__(self, **parameters: object) -> None:
        self._digest = hashlib.sha256()
        self._take(parameters)

    def add(self, filename: str | None, sha256: bytes) -> None:
        """Take in the next photo."""
        self._take([filename, sha256.hex()])

    def _take(self, value: object) -> None:
        self._digest.update(json.dumps(value, sort_keys=True).encode() + b"\n")

    def under(self, own_key: str) -> Idempotency:
        """What the job's record keeps of the request."""
        return Idempotency(own_key, self._digest.hexdigest())
