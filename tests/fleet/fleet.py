"""The service as a fleet: each part on a host of its own, that is a network namespace.

    clients ── balancer ── api 1, api 2 ── Redis, object store ── worker 0, 1, 2

They share no disk that they use, and reach each other over one bridge, whose cables can be pulled.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from shared.uploads import UploadStore, open_uploads
from tests.chaos.cluster import Cluster, ask
from tests.chaos.count import OPEN
from tests.chaos.network import Network
from tests.chaos.processes import ROOT, Supervised
from tests.support.bucket_server import BucketServer
from tests.support.redis_server import RedisServer

REDIS, STORE, BALANCER = "ic-redis", "ic-store", "ic-balance"
APIS = ("ic-api-1", "ic-api-2")
WORKERS = ("ic-work-0", "ic-work-1", "ic-work-2")
HOSTS = (REDIS, STORE, BALANCER, *APIS, *WORKERS)
PORT = 8000
# Slow enough that a batch of 2,000 is still under way when the last host is lost; what it says of
# each photo tells which worker ended it.
SCRIPT = {"SCRIPTED_SERVICE_TIME_S": "0.03", "LOG_LEVEL": "DEBUG"}
CONFIGURATION = ROOT / "deploy" / "haproxy" / "haproxy.cfg"


def make_network() -> Network:
    """One bridge and a host for each part."""
    return Network(*HOSTS, bridge="ic-fleet", net="10.231.87")


class Fleet(Cluster):
    """Starts every host on enter, ends all on exit.

    Args:
        folder: For the hosts' data and logs.
        network: With all of ``HOSTS``.
    """

    def __init__(self, folder: Path, network: Network) -> None:
        self.network = network
        self.bucket = BucketServer(_made(folder / "bucket"), network.address(STORE), STORE)
        # this test looks at Redis by a cable of its own, also while the fleet's is cut
        redis = RedisServer(_made(folder / "redis"), network.direct(REDIS), REDIS)
        # it is never killed here, and two cores have enough to do
        anywhere = ("--bind", "0.0.0.0", "--protected-mode", "no", "--appendfsync", "everysec")  # noqa: S104
        env = {"UPLOADS_URL": self.bucket.url, **self.bucket.env}
        super().__init__(folder, env, anywhere, redis)
        self.redis_url = f"redis://{network.address(REDIS)}:{redis.port}/0"
        self.url = f"http://{network.address(BALANCER)}:{PORT}"
        self.apis: list[Supervised] = []

    def start(self) -> Self:
        """Every host, ready."""
        self.start_redis()
        self.bucket.start()
        for name in APIS:
            self.apis.append(self._start_api(name))
        for name in WORKERS:
            self.start_worker(self.redis_url, name, **SCRIPT)
        self.balancer = self._start_balancer()
        self.wait_ready()
        for url in self.urls():
            self.until(lambda url=url: ask(f"{url}/health/ready").status_code == 200, 20)
        return self

    def _start_api(self, name: str) -> Supervised:
        where = ["--host", "", "--port", str(PORT), "--no-access-log"]
        env = {**self._env, "REDIS_URL": self.redis_url}
        command = [sys.executable, "-m", "uvicorn", "api.main:app", *where]
        return Supervised(command, env, self.folder / f"{name}.log", name)

    def _start_balancer(self) -> Supervised:
        apis = {
            f"API_{number}": f"{self.network.address(name)}:{PORT}"
            for number, name in enumerate(APIS, 1)
        }
        command = ["haproxy", "-db", "-f", str(CONFIGURATION)]
        env = {**apis, "LISTEN": f"0.0.0.0:{PORT}"}
        return Supervised(command, env, self.folder / "balancer.log", BALANCER)

    def urls(self) -> list[str]:
        """Each api, past the balancer."""
        return [f"http://{self.network.address(name)}:{PORT}" for name in APIS]

    def lose(self, host: str, process: Supervised) -> None:
        """The host is gone: its cable first, so that no end of a connection is told."""
        self.network.cut(host)
        process.close()

    def store(self) -> UploadStore:
        """The bucket, as the service sees it."""
        return open_uploads(self.bucket.url)

    def stored(self) -> list[str]:
        """Every object in the bucket."""
        return self.bucket.stored()

    def stored_jobs(self) -> Counter[str]:
        """Whose photos are in the bucket, and how many."""
        keys = [key.rpartition("/")[2] for key in self.stored()]
        return Counter(key.partition(".")[0] for key in keys)

    def jobs(self) -> set[str]:
        """Every job that is recorded."""
        keys = map(str, self.client.scan_iter("ic:job:*", count=1000))
        return {key.rpartition(":")[2] for key in keys if key.count(":") == 2}

    def open_items(self, job: str) -> int:
        """How many of its photos have not ended."""
        return sum(int(text or 0) for text in self.client.hmget(f"ic:job:{job}", *OPEN))

    def ended_by(self, job: str) -> set[int]:
        """The workers that ended photos of this job, once they have said so."""

        def found() -> set[int]:
            return {number for number, worker in enumerate(self.workers) if job in worker.log}

        return self.until(found, 5)

    def processes(self) -> Iterator[Supervised]:
        """All but Redis and the store."""
        yield from (*self.workers, *self.apis)
        if hasattr(self, "balancer"):
            yield self.balancer

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, at)
        self.bucket.kill()


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def ask_each(urls: list[str], path: str) -> list[httpx.Response]:
    """GET the same of every api."""
    return [ask(f"{url}{path}") for url in urls]
