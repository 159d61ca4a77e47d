"""What comes in from outside: things that are no messages, and a client that breaks off."""

import random
import threading
from collections.abc import Iterator

import httpx

from tests.chaos.cluster import Cluster
from tests.chaos.faults import holding
from tests.chaos.traffic import Traffic, photo

MALFORMED: list[bytes] = [
    b"not json", b"\xff\xfe\x00", b"42", b"[]", b"{}", b"", b'{"headers": null}',
    b'{"headers": {"task": "classify"}, "body": "%", "properties": {}}', b"[" * 5_000,
]  # fmt: skip


def push_malformed(cluster: Cluster, traffic: Traffic, rng: random.Random, times: int) -> None:
    """Things that are no messages, at both ends of both queues, while workers hold work."""
    for _ in range(times):
        holding(cluster, traffic)
        for queue in ("interactive", "batch"):
            push = rng.choice([cluster.client.lpush, cluster.client.rpush])
            push(queue, rng.choice(MALFORMED))


class SlowUpload(threading.Thread):
    """A client in the middle of sending a batch, which never gets to its end."""

    def __init__(self, url: str, photos: int) -> None:
        super().__init__(daemon=True)
        self._url, self._photos = f"{url}/jobs", photos
        self._enough = threading.Event()
        self.cut = False
        self.start()

    def _body(self) -> Iterator[bytes]:
        head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="0-7.png"\r\n\r\n'
        for _ in range(self._photos):
            yield head + photo(0, 7) + b"\r\n"
        self._enough.wait(30)

    def run(self) -> None:
        """Send until the connection breaks."""
        headers = {"content-type": "multipart/form-data; boundary=x"}
        try:
            httpx.post(self._url, content=self._body(), headers=headers, trust_env=False)
        except httpx.TransportError:
            self.cut = True

    def end(self) -> None:
        """Send no more."""
        self._enough.set()
        self.join(30)
