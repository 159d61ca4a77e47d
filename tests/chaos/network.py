"""Network namespaces behind a bridge, whose cable can be pulled without either end being told.

Needs root and iproute2, and fails without them: a promise that was not tried is not kept.
"""

import os
import shutil
import subprocess
from types import TracebackType
from typing import Self

BRIDGE, NET, DIRECT_NET = "ichaos", "10.231.77", "10.231.78"


def ip(*arguments: str, check: bool = True) -> None:
    """Run ``ip``."""
    run = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    assert not check or run.returncode == 0, f"ip {' '.join(arguments)}: {run.stderr}"


class Network:
    """A bridge of this namespace at ``.1`` and one namespace for each name, from ``.2`` on."""

    def __init__(self, *names: str) -> None:
        assert os.geteuid() == 0, "this scenario makes network namespaces: run it as root"
        assert shutil.which("ip"), "this scenario makes network namespaces: install iproute2"
        self.host = f"{NET}.1"
        self.names = names

    def address(self, name: str) -> str:
        """Where a namespace is reached."""
        return f"{NET}.{self.names.index(name) + 2}"

    def __enter__(self) -> Self:
        self._remove()
        ip("link", "add", BRIDGE, "type", "bridge")
        ip("address", "add", f"{self.host}/24", "dev", BRIDGE)
        ip("link", "set", BRIDGE, "up")
        for name in self.names:
            ip("netns", "add", name)
            ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("link", "set", name, "up")
            ip("-n", name, "address", "add", f"{self.address(name)}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
            ip("-n", name, "link", "set", "lo", "up")
            self.mend(name)
        return self

    def direct(self, name: str) -> str:
        """A second cable, from here to one namespace past the bridge; returns its far address."""
        cable = f"{name}-direct"
        ip("link", "add", cable, "type", "veth", "peer", "name", "eth1", "netns", name)
        ip("address", "add", f"{DIRECT_NET}.1/24", "dev", cable)
        ip("link", "set", cable, "up")
        ip("-n", name, "address", "add", f"{DIRECT_NET}.2/24", "dev", "eth1")
        ip("-n", name, "link", "set", "eth1", "up")
        return f"{DIRECT_NET}.2"

    def cut(self, name: str) -> None:
        """Frames vanish; both ends still see a carrier."""
        ip("link", "set", name, "nomaster")

    def mend(self, name: str) -> None:
        """Put the cable back."""
        ip("link", "set", name, "master", BRIDGE)

    def _remove(self) -> None:
        for name in self.names:
            ip("link", "delete", f"{name}-direct", check=False)
            ip("link", "delete", name, check=False)
            ip("netns", "delete", name, check=False)
        ip("link", "delete", BRIDGE, check=False)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._remove()
