"""An HTTP server of one file that fails, hangs or closes the connection as scripted."""

import hashlib
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from worker.models.transforms import IMAGENET1K_V2
from worker.models.weights import Published

CONTENT = bytes(range(256)) * 12_000  # 3 MB


DIGEST = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Server:
    """Serves ``content``; each request uses up one step of ``script``.

    A step is a status to respond with, a number of bytes after which to close the connection, or
    ``hang``. After the last step all requests succeed.
    """

    content: bytes = CONTENT
    script: list[str | int] = field(default_factory=list)
    ranges: bool = True
    requests: list[str | None] = field(default_factory=list)
    url: str = ""
    release: threading.Event = field(default_factory=threading.Event)

    def published(self, digest: str = DIGEST) -> Published:
        return Published("TEST", f"{self.url}/model-{digest[:8]}.pth", IMAGENET1K_V2)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        asked = handler.headers.get("Range")
        self.requests.append(asked)
        step = self.script.pop(0) if self.script else "all"
        if isinstance(step, int) and step < 600:
            handler.send_error(step)
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.ranges else 0
        total = len(self.content)
        if start >= total:
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{total}")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Length", str(total - start))
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        handler.end_headers()
        body = self.content[start:]
        if step == "hang":
            self.release.wait(10)
        elif isinstance(step, int):
            handler.wfile.write(body[:step])
        else:
            handler.wfile.write(body)
