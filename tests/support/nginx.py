"""nginx in front of the service, from Debian's package of that name."""

import shutil
import socket
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.photos import free_port
from tests.support.served import eventually

_CONFIG = """
daemon off;
master_process off;
pid nginx.pid;
error_log error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {{
        listen 127.0.0.1:{port};
        {settings}
    }}
}}
"""


class Nginx:
    """An nginx process, reachable at ``url``.

    Args:
        folder: An empty folder for its configuration, logs and temporary files.
        settings: The directives of its ``server`` block.
    """

    def __init__(self, folder: Path, settings: str) -> None:
        program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
        assert program, "nginx is missing: apt-get install nginx-light"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        folder.mkdir()
        (folder / "nginx.conf").write_text(_CONFIG.format(port=self.port, settings=settings))
        command = [program, "-p", str(folder), "-e", "error.log", "-c", "nginx.conf"]
        self._process = subprocess.Popen(command)

    def __enter__(self) -> Self:
        eventually(self._listens, 20)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait(10)

    def _listens(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0
