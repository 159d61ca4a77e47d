"""Checks that no other service uses the port and the data folder."""

import errno
import fcntl
import socket
from typing import TextIO

from scripts.serve.errors import ServeError
from scripts.serve.settings import ServeSettings


def check_port(settings: ServeSettings) -> None:
    """Check before anything is started that the address is available.

    Raises:
        ServeError: The address is not available.
    """
    address, port = settings.bind_address, settings.port
    try:
        family, kind, _, _, where = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(where)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise _taken(settings) from error
        raise ServeError(f"cannot listen on {address} port {port}: {error.strerror}") from error


def claim_folder(settings: ServeSettings) -> TextIO:
    """Make the data folder and lock it for as long as the returned file is open.

    Raises:
        ServeError: Another service uses the folder.
    """
    for part in ("redis", "uploads"):
        (settings.folder / part).mkdir(parents=True, exist_ok=True)
    lock = (settings.folder / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise _taken(settings) from error
    return lock


def _taken(settings: ServeSettings) -> ServeError:
    other = settings.port + 1 if settings.port < 65_535 else 8000
    return ServeError(
        f"port {settings.port} on {settings.bind_address} is taken: stop the program that uses it, "
        f"or choose another port with `make serve PORT={other}`"
    )
