"""A primary that becomes a replica while clients are connected: they find the new one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.redis_client import connect
from tests.integration.worker.conftest import Bench, photo
from tests.support.api_process import ApiProcess
from tests.support.forwarder import Forwarder
from tests.support.redis_server import RedisServer
from tests.support.served import eventually


class Pair:
    """Two servers behind one address; the first is the primary."""

    def __init__(self, first: RedisServer, second: RedisServer, address: Forwarder) -> None:
        self.first, self.second = connect(first.url, 2), connect(second.url, 2)
        self.first_port, self.second_port = first.port, second.port
        self.address = address
        self.second.replicaof("127.0.0.1", first.port)
        eventually(lambda: self.second.info("replication")["master_link_status"] == "up", 20)

    def demote(self) -> None:
        """The second becomes the primary; connections to the first stay open."""
        self.second.replicaof("no", "one")
        self.first.replicaof("127.0.0.1", self.second_port)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    servers = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        servers.append(RedisServer(tmp_path / name))
        servers[-1].start("--repl-diskless-sync-delay", "0")
    try:
        with Forwarder(servers[0].port) as address:
            servers_behind = Pair(*servers, address)
            yield servers_behind
            servers_behind.first.close()
            servers_behind.second.close()
    finally:
        for server in servers:
            server.kill()


def test_api_and_worker_leave_a_primary_that_was_demoted(pair: Pair, tmp_path: Path) -> None:
    url = f"redis://127.0.0.1:{pair.address.port}/0"
    bench = Bench(url, tmp_path)
    with bench.worker() as worker, ApiProcess(url, tmp_path) as api:

        def answers() -> bool:
            return api.client.post("/predict", content=photo(0)).status_code == 200

        eventually(answers, 20)
        pair.demote()
        eventually(lambda: api.client.get("/health").status_code == 503, 15)
        assert api.client.get("/health").json()["broker"]["status"] == "down"
        assert "ReadOnlyError" in api.log.read_text()
        pair.address.target = pair.second_port
        eventually(answers, 30)
        assert api.client.get("/health").json()["status"] == "ok"
        assert worker.starts == 1
    bench.client.close()


def test_a_redis_that_refuses_every_write_is_down(pair: Pair, tmp_path: Path) -> None:
    """As one whose disk is full, or that wants a replica and has none."""
    url = f"redis://127.0.0.1:{pair.address.port}/0"
    with ApiProcess(url, tmp_path) as api:
        eventually(lambda: api.client.get("/health").json()["broker"]["status"] == "up", 15)
        pair.first.config_set("min-replicas-to-write", 2)
        eventually(lambda: api.client.get("/health").json()["broker"]["status"] == "down", 15)
        assert "NoReplicasError" in api.log.read_text() or "NOREPLICAS" in api.log.read_text()
        pair.first.config_set("min-replicas-to-write", 0)
        eventually(lambda: api.client.get("/health").json()["broker"]["status"] == "up", 15)


@pytest.mark.parametrize("refusal", ["-evalsha", "resetkeys ~other"])
def test_a_redis_whose_user_may_not_write_is_down(refusal: str, pair: Pair, tmp_path: Path) -> None:
    """As one whose users are those of an older release."""
    url = f"redis://127.0.0.1:{pair.address.port}/0"
    with ApiProcess(url, tmp_path) as api:
        eventually(lambda: api.client.get("/health").json()["broker"]["status"] == "up", 15)
        pair.first.execute_command("ACL", "SETUSER", "default", *refusal.split())
        eventually(lambda: api.client.get("/health").json()["broker"]["status"] == "down", 15)
        assert "NoPermissionError" in api.log.read_text()
        pair.first.execute_command("ACL", "SETUSER", "default", "+@all", "allkeys")
        eventually(lambda: api.client.get("/health").json()["broker"]["status"] == "up", 15)


def test_the_log_names_the_cause_of_each_refused_write(pair: Pair, tmp_path: Path) -> None:
    """A user who lacks one command only: `/health` cannot know, so the log has to."""
    url = f"redis://127.0.0.1:{pair.address.port}/0"
    with ApiProcess(url, tmp_path) as api:
        eventually(lambda: api.client.get("/health").json()["broker"]["status"] == "up", 15)
        pair.first.execute_command("ACL", "SETUSER", "default", "-hset")
        assert api.client.post("/jobs", files={"files": photo(0)}).status_code == 503
        [line] = [one for one in api.log.read_text().splitlines() if "redis refused" in one]
        assert "hset" in line
