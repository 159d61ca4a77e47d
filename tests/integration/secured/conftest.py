"""A real Redis that knows the service by the user of `deploy/redis/users.acl`, and an admin."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from redis import Redis

from tests.support.redis_server import RedisServer

USERS = (Path(__file__).resolve().parents[3] / "deploy" / "redis" / "users.acl").read_text()
PASSWORD = "of-the-service"  # noqa: S105 - of a server that lives for one test


class Guarded:
    """The server, with the admin on a socket of its own, so that it can be told apart."""

    def __init__(self, folder: Path) -> None:
        socket, users = folder / "admin.sock", folder / "users.acl"
        hashed = sha256(PASSWORD.encode()).hexdigest()
        users.write_text(
            USERS.replace("PASSWORD_SHA256", hashed)
            + "user admin on nopass allkeys allchannels +@all\n"
        )
        self.server = RedisServer(folder)
        self.port = self.server.port
        self.server.url = f"unix://admin:@{socket}"
        self.server.start("--aclfile", str(users), "--unixsocket", str(socket))
        self.admin: Redis = Redis.from_url(self.server.url, decode_responses=True)

    def url(self, scheme: str = "redis", port: int | None = None, more: str = "") -> str:
        """As the service is told."""
        return f"{scheme}://classifier:{PASSWORD}@127.0.0.1:{port or self.port}/0{more}"

    def stop(self) -> None:
        self.admin.close()
        self.server.kill()


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    (tmp_path / "redis").mkdir()
    made = Guarded(tmp_path / "redis")
    yield made
    made.stop()
