"""Network namespaces behind a bridge, whose cable can be pulled without either end being told.

Needs root and iproute2, and fails without them: a promise that was not tried is not kept.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self


def ip(*arguments: str, check: bool = True) -> None:
    """Run ``ip``."""
    run = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    assert not check or run.returncode == 0, f"ip {' '.join(arguments)}: {run.stderr}"


_ORPHAN_RETRIES = Path("/proc/sys/net/ipv4/tcp_orphan_retries")
_TABLE = "/proc/net/tcp"
_LOCAL, _REMOTE, _STATE = 1, 2, 3
_ESTABLISHED, _FIN_WAIT1 = "01", "04"


@contextmanager
def forgetful() -> Iterator[None]:
    """Closed connections here are soon forgotten, as by a host that loses its power.

    Otherwise the kernel goes on for minutes to tell the far end, which hears it once it can.
    """
    before = _ORPHAN_RETRIES.read_text()
    _ORPHAN_RETRIES.write_text("1")
    try:
        yield
    finally:
        # one that was killed may have left its own
        _ORPHAN_RETRIES.write_text("0" if before.strip() == "1" else before)


def still_telling(port: int) -> bool:
    """Whether this host has closed connections of a port, and tries to tell their far ends."""
    return _has(Path(_TABLE).read_text(), _LOCAL, port, _FIN_WAIT1)


def _has(table: str, end: int, port: int, state: str) -> bool:
    rows = [line.split() for line in table.splitlines()[1:]]
    return any(row[end].endswith(f":{port:04X}") and row[_STATE] == state for row in rows)


class Network:
    """A bridge that reaches here at ``.1`` and one namespace for each name, from ``.2`` on.

    Args:
        names: Of the namespaces; also of the cables, so that they are short.
        bridge: Its name.
        net: The first three numbers of every address; cables past the bridge have the next net.
    """

    def __init__(self, *names: str, bridge: str = "ichaos", net: str = "10.231.77") -> None:
        assert os.geteuid() == 0, "this scenario makes network namespaces: run it as root"
        assert shutil.which("ip"), "this scenario makes network namespaces: install iproute2"
        self._bridge, self._net = bridge, net
        first, _, last = net.rpartition(".")
        self._direct_net = f"{first}.{int(last) + 1}"
        self.host = f"{net}.1"
        self.names = names

    def address(self, name: str) -> str:
        """Where a namespace is reached."""
        return f"{self._net}.{self.names.index(name) + 2}"

    def __enter__(self) -> Self:
        self._remove()
        # In a namespace of its own: Docker forbids this one to forward, bridged frames included.
        ip("netns", "add", self._bridge)
        self._at_bridge("add", self._bridge, "type", "bridge")
        self._at_bridge("set", self._bridge, "up")
        here = ("name", "here", "netns", self._bridge)
        ip("link", "add", self._bridge, "type", "veth", "peer", *here)
        ip("address", "add", f"{self.host}/24", "dev", self._bridge)
        ip("link", "set", self._bridge, "up")
        self._plug("here")
        for name in self.names:
            ip("netns", "add", name)
            self._at_bridge("add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("-n", name, "address", "add", f"{self.address(name)}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
            ip("-n", name, "link", "set", "lo", "up")
            self._plug(name)
        return self

    def _at_bridge(self, *arguments: str) -> None:
        ip("-n", self._bridge, "link", *arguments)

    def _plug(self, name: str) -> None:
        self._at_bridge("set", name, "up")
        self.mend(name)

    def direct(self, name: str) -> str:
        """A second cable, from here to one namespace past the bridge; returns its far address."""
        cable = f"{name}-direct"
        ip("link", "add", cable, "type", "veth", "peer", "name", "eth1", "netns", name)
        ip("address", "add", f"{self._direct_net}.1/24", "dev", cable)
        ip("link", "set", cable, "up")
        ip("-n", name, "address", "add", f"{self._direct_net}.2/24", "dev", "eth1")
        ip("-n", name, "link", "set", "eth1", "up")
        return f"{self._direct_net}.2"

    def believes(self, name: str, port: int) -> bool:
        """Whether a namespace takes a connection to this port for open."""
        show = ["ip", "netns", "exec", name, "cat", _TABLE]
        table = subprocess.run(show, capture_output=True, text=True, check=True).stdout
        return _has(table, _REMOTE, port, _ESTABLISHED)

    def cut(self, name: str) -> None:
        """Frames vanish; both ends still see a carrier."""
        self._at_bridge("set", name, "nomaster")

    def mend(self, name: str) -> None:
        """Put the cable back."""
        self._at_bridge("set", name, "master", self._bridge)

    def _remove(self) -> None:
        for name in self.names:
            ip("link", "delete", f"{name}-direct", check=False)
            ip("netns", "delete", name, check=False)
        ip("link", "delete", self._bridge, check=False)
        ip("netns", "delete", self._bridge, check=False)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._remove()
