"""An API that may be asked anything, to provoke each status that it declares."""

import base64
from dataclasses import dataclass

import httpx

from tests.support.answers import waiting_job
from tests.support.api_process import ApiProcess
from tests.support.photos import jpeg
from tests.support.played_worker import BOTH, PlayedWorker
from tests.support.raw_client import raw

PHOTO = jpeg()


def tensor(photo: bytes) -> dict[str, object]:
    """An inference request of one image."""
    data = [base64.b64encode(photo).decode()]
    return {"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": data}]}


@dataclass
class Scene:
    """An api that may be asked, and the worker behind it."""

    api: ApiProcess
    worker: PlayedWorker
    job: str

    def ask(self, method: str, path: str, **options: object) -> int:
        """The status of one request."""
        answer: httpx.Response = self.api.client.request(method, path, **options)  # type: ignore[arg-type]
        return answer.status_code

    def slowly(self, path: str) -> int:
        """The status of a request whose body does not come."""
        with raw(self.api.port) as line:
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n"
            line.send((head + "Content-Type: multipart/form-data; boundary=x\r\n\r\n").encode())
            return line.answer().status

    def unanswered(self, path: str = "/predict", body: bytes = PHOTO) -> int:
        """The status of a request that does not wait, while no worker runs."""
        self.worker.listen_to("no such queue")
        status = self.ask("POST", path, content=body, headers={"prefer": "respond-async"})
        self.worker.listen_to(*BOTH)
        return status

    def cancelled(self, path: str = "/predict", body: bytes = PHOTO) -> int:
        """The status of a request whose job is cancelled while it waits."""
        self.worker.listen_to("no such queue")
        with raw(self.api.port) as line:
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            line.send(head.encode())
            line.send(body)
            self.ask("DELETE", f"/jobs/{waiting_job(self.worker.client)}")
            status = line.answer().status
        self.worker.listen_to(*BOTH)
        return status

    def twice(self) -> int:
        """The status of another batch under a key that is taken."""
        for name in "ab":
            status = self.ask(
                "POST", "/jobs", files={"files": (name, PHOTO)}, headers={"Idempotency-Key": "k"}
            )
        return status
