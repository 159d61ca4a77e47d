"""Two real Redis servers with the users of `deploy/redis`, three sentinels, and haproxy."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from scripts.serve.redis_server import find_program
from shared.redis_client import connect
from tests.support.front import Front
from tests.support.photos import free_port
from tests.support.redis_server import RedisServer
from tests.support.served import eventually

DEPLOY = Path(__file__).parents[2] / "deploy" / "redis"
CONFIG = (DEPLOY / "haproxy.cfg").read_text()
PASSWORD = "of-everybody"  # noqa: S105 - of servers that live for one test
USERS = "".join((DEPLOY / name).read_text() for name in ("users.acl", "failover.acl")).replace(
    "PASSWORD_SHA256", sha256(PASSWORD.encode()).hexdigest()
)
SENTINELS = 3


class Pair:
    """A primary, its replica and what watches them; ``url`` is what the service is told."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.nodes: list[RedisServer] = []
        self.admins: list[Redis] = []
        for name in ("first", "second"):
            self._start_node(folder / name, stack)
        eventually(lambda: self.role(1) == ("slave", "up"), 20)
        sentinels = [
            self._start_sentinel(folder / f"sentinel-{number}", stack)
            for number in range(SENTINELS)
        ]
        for sentinel in sentinels:
            eventually(lambda sentinel=sentinel: knows_all(sentinel), 30)
        port = free_port()
        config = "listen" + CONFIG.partition("\nlisten")[2].replace(":6379\n", f":{port}\n", 1)
        for node, address in zip(self.nodes, ("10.0.0.1:6379", "10.0.0.2:6379"), strict=True):
            assert address in config
            config = config.replace(address, f"127.0.0.1:{node.port}")
        stack.callback(Front(folder, config, port).stop)
        self.url = f"redis://classifier:{PASSWORD}@127.0.0.1:{port}/0"

    def _start_node(self, folder: Path, stack: ExitStack) -> None:
        folder.mkdir()
        (folder / "users.acl").write_text(
            f"{USERS}user admin on nopass allkeys allchannels +@all\n"
        )
        node = RedisServer(folder)
        node.url = f"redis://admin:any@127.0.0.1:{node.port}/0"
        options = ["--aclfile", str(folder / "users.acl")]
        options += ["--masteruser", "replica", "--masterauth", PASSWORD]
        options += ["--repl-diskless-sync-delay", "0"]
        if self.nodes:
            options += ["--replicaof", f"127.0.0.1 {self.nodes[0].port}"]
        node.start(*options)
        stack.callback(node.kill)
        self.nodes.append(node)
        self.admins.append(stack.enter_context(connect(node.url, 2)))

    def _start_sentinel(self, folder: Path, stack: ExitStack) -> Redis:
        folder.mkdir()
        port = free_port()
        config = folder / "sentinel.conf"
        config.write_text(
            f"port {port}\nbind 127.0.0.1\ndir {folder}\n"
            f"sentinel monitor main 127.0.0.1 {self.nodes[0].port} 2\n"
            f"sentinel auth-user main sentinel\nsentinel auth-pass main {PASSWORD}\n"
            "sentinel down-after-milliseconds main 2000\n"
            "sentinel failover-timeout main 10000\n"
        )
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen([find_program(), config, "--sentinel"], stdout=log)
        stack.callback(process.wait, 10)
        stack.callback(process.kill)
        return stack.enter_context(connect(f"redis://127.0.0.1:{port}", 2))

    def role(self, node: int) -> tuple[str, str]:
        """Of one node, with the state of its link where it is a replica."""
        said = self.admins[node].info("replication")
        return said["role"], said.get("master_link_status", "")


def knows_all(sentinel: Redis) -> bool:
    """It has found the replica and the other sentinels."""
    try:
        replicas, others = (
            sentinel.execute_command("SENTINEL", of, "main") for of in ("REPLICAS", "SENTINELS")
        )
    except (RedisError, OSError):
        return False
    return len(replicas) == 1 and len(others) == SENTINELS - 1


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with ExitStack() as stack:
        yield Pair(tmp_path, stack)
