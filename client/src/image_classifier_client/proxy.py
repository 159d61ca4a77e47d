"""The HTTP proxy that the environment configures for the service's URL."""

import ipaddress
import os
from dataclasses import dataclass
from importlib.util import find_spec
from urllib.request import getproxies, proxy_bypass

import httpx2

from image_classifier_client.api_requests import safe_url


@dataclass(frozen=True)
class EnvironmentProxy:
    """A proxy, and where it is configured.

    Attributes:
        url: May contain a user name and a password: never show it.
        source: The name of the environment variable.
    """

    url: httpx2.URL
    source: str

    def __str__(self) -> str:
        return f"{safe_url(self.url)} ({self.source})"


def proxy_for(url: httpx2.URL) -> EnvironmentProxy | None:
    """Find the proxy for a URL; ``None`` for a direct connection.

    This computer itself is never reached through a proxy, whatever the environment says.

    Raises:
        ValueError: The environment names a proxy that cannot be used.
    """
    proxies = getproxies()
    if _is_this_computer(url.host) or _is_excluded(url, proxies.get("no", "")):
        return None
    for scheme in (url.scheme, "all"):
        if address := proxies.get(scheme):
            return _parse(address, _variable(f"{scheme}_proxy"))
    return None


def has_valid_host(url: httpx2.URL) -> bool:
    """Whether the URL has a host name that can be looked up."""
    try:
        return bool(url.raw_host.decode().encode("idna"))
    except UnicodeError:
        return False


def _is_this_computer(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _is_excluded(url: httpx2.URL, no_proxy: str) -> bool:
    """Whether ``NO_PROXY`` has the host: by name, by address or by network."""
    for entry in no_proxy.split(","):
        try:
            network = ipaddress.ip_network(entry.strip(" []"), strict=False)
            if ipaddress.ip_address(url.host) in network:
                return True
        except ValueError:
            if entry.strip() == "*":
                return True
    return bool(proxy_bypass(url.netloc.decode()))


def _parse(address: str, source: str) -> EnvironmentProxy:
    try:
        url = httpx2.Proxy(address if "://" in address else f"http://{address}").url
    except (ValueError, httpx2.InvalidURL):
        url = None  # its text may contain a password: it is not part of the error
    if url is None or not has_valid_host(url) or url.port == 0 or (url.port or 1) > 65_535:
        raise ValueError(f"{source} is not a proxy's URL, such as http://proxy.example:3128")
    if url.scheme.startswith("socks") and find_spec("socksio") is None:
        raise ValueError(
            f"{source} names a SOCKS proxy, which needs one more package: pip install "
            "'httpx2[socks]'. To connect without a proxy, add the service's host to NO_PROXY"
        )
    return EnvironmentProxy(url, source)


def _variable(name: str) -> str:
    """The environment variable in the case in which it is set."""
    if name in os.environ:
        return name
    return name.upper() if name.upper() in os.environ else "the system's proxy settings"
