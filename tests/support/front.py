"""haproxy in front of Redis, from Debian's package of that name."""

import shutil
import socket
import subprocess
from pathlib import Path

import trustme

from tests.support.photos import free_port
from tests.support.served import eventually

DEFAULTS = """
defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout check 2s
"""
TLS = """
listen redis
    bind 127.0.0.1:{port} ssl crt {certificate} ssl-min-ver TLSv1.2
    server redis 127.0.0.1:{redis}
"""


class Front:
    """A haproxy process that listens on ``port``."""

    def __init__(self, folder: Path, text: str, port: int) -> None:
        program = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
        assert program, "haproxy is missing: apt-get install haproxy"
        self.port = port
        config = folder / "haproxy.cfg"
        config.write_text(DEFAULTS + text)
        self._process = subprocess.Popen([program, "-db", "-f", config])
        eventually(self._listens, 20)

    def _listens(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        self._process.kill()
        self._process.wait(10)


class TlsFront(Front):
    """A haproxy process with TLS; ``authority`` is the file of the CA of its certificate."""

    def __init__(self, folder: Path, redis: int) -> None:
        self.authority = folder / "authority.pem"
        certificate = folder / "redis.pem"
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.authority)
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
        port = free_port()
        super().__init__(folder, TLS.format(port=port, certificate=certificate, redis=redis), port)
