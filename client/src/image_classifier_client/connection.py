"""The service's URL and API key, and when a failed request is tried again; for both clients."""

import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import httpx2
import tenacity

from image_classifier_client.api_requests import PREDICT_WAIT_S, ApiRequest, safe_url
from image_classifier_client.errors import ServiceUnavailable, ServiceUnreachable
from image_classifier_client.proxy import EnvironmentProxy, has_valid_host, proxy_for

DEFAULT_URL = "http://127.0.0.1:8000"
CONNECT_TIMEOUT_S = 5.0
TIMEOUT_MAX_S = 86_400
PREDICT_TIMEOUT_S = 120.0
# A restarted api answers again within a second or two.
BACKOFF_MIN_S, BACKOFF_MAX_S = 0.2, 5.0
# What people paste after the service's URL.
ENDPOINTS = ("/predict", "/jobs", "/health", "/model", "/docs")

OnRetry = Callable[[ServiceUnavailable | ServiceUnreachable, float], None]


@dataclass(frozen=True)
class Connection:
    """How to reach the service.

    Attributes:
        url: The service's base URL.
        headers: Sent with every request.
        timeout_s: Seconds without a byte after which a request has failed.
        retry_for_s: Seconds for which a request is tried again.
        on_retry: Called with the error and the seconds to wait before each new attempt.
        proxy: The proxy that the environment configures, if any.
    """

    url: httpx2.URL
    headers: dict[str, str]
    timeout_s: float
    retry_for_s: float
    on_retry: OnRetry | None
    proxy: EnvironmentProxy | None

    @classmethod
    def of(
        cls,
        url: str | None,
        api_key: str | None,
        timeout_s: float,
        retry_for_s: float,
        on_retry: OnRetry | None,
    ) -> "Connection":
        """Create one; what is ``None`` is read from the environment.

        Raises:
            ValueError: The URL, the API key, a time or a proxy setting is invalid.
        """
        headers = {"User-Agent": f"image-classifier-client/{version('image-classifier-client')}"}
        key = os.environ.get("CLASSIFIER_API_KEY") if api_key is None else api_key
        if key and (key := key.strip()):
            if not (key.isascii() and key.isprintable()):
                place = "the API key" if api_key is not None else "CLASSIFIER_API_KEY"
                raise ValueError(f"{place} has characters that no HTTP header can carry")
            headers["Authorization"] = f"Bearer {key}"
        # written so that NaN is refused, too
        if not 0 < timeout_s <= TIMEOUT_MAX_S:
            raise ValueError(f"timeout_s must be above 0 and at most {TIMEOUT_MAX_S}")
        if not retry_for_s >= 0:
            raise ValueError("the time to retry for must not be negative")
        base = base_url(url) if url else _base_url_of_environment()
        return cls(base, headers, timeout_s, retry_for_s, on_retry, proxy_for(base))

    @property
    def predict_wait_s(self) -> int:
        """Seconds that ``POST /predict`` may take, so that its response comes before a timeout."""
        return max(0, min(PREDICT_WAIT_S, int(self.timeout_s) - 1))

    @property
    def _proxy_name(self) -> str | None:
        return None if self.proxy is None else str(self.proxy)

    def options(self) -> dict[str, Any]:
        """Return the arguments of ``httpx2.Client`` and ``httpx2.AsyncClient``.

        Raises:
            ValueError: The environment names certificates that cannot be read.
        """
        timeout = httpx2.Timeout(self.timeout_s, connect=min(CONNECT_TIMEOUT_S, self.timeout_s))
        return {
            "base_url": self.url,
            "headers": self.headers,
            "timeout": timeout,
            "trust_env": False,  # the proxy is chosen above, the certificates below
            "proxy": httpx2.Proxy(self.proxy.url) if self.proxy else None,
            "verify": _certificates(self.url),
        }

    def retry_options(self) -> dict[str, Any]:
        """Return the arguments of ``tenacity.Retrying`` and ``tenacity.AsyncRetrying``."""
        return {
            "retry": tenacity.retry_if_exception_type((ServiceUnavailable, ServiceUnreachable)),
            "wait": _wait,
            "stop": tenacity.stop_before_delay(self.retry_for_s),
            "before_sleep": self._before_sleep,
            "reraise": True,
        }

    def build(
        self, request: ApiRequest[Any], client: httpx2.Client | httpx2.AsyncClient
    ) -> httpx2.Request:
        """Build a request whose errors name the proxy."""
        return request.build(client, self._proxy_name)

    def unreachable(self, error: httpx2.RequestError) -> ServiceUnreachable:
        """Turn an error of httpx2 into one of this package."""
        reason = str(error) or type(error).__name__
        through = f" through the proxy {self.proxy}" if self.proxy else ""
        text = f"No response from {safe_url(self.url)}{through}: {reason}"
        return ServiceUnreachable(text, self._proxy_name)

    def _before_sleep(self, state: tenacity.RetryCallState) -> None:
        error = _error(state)
        if self.on_retry and error:
            self.on_retry(error, state.upcoming_sleep)


_backoff = tenacity.wait_random_exponential(BACKOFF_MIN_S, BACKOFF_MAX_S, min=BACKOFF_MIN_S)


def _wait(state: tenacity.RetryCallState) -> float:
    """Seconds before the next attempt: as the service says, else a little longer each time."""
    error = _error(state)
    retry_after_s = error.retry_after_s if isinstance(error, ServiceUnavailable) else None
    return _backoff(state) if retry_after_s is None else max(retry_after_s, BACKOFF_MIN_S)


def _error(state: tenacity.RetryCallState) -> ServiceUnavailable | ServiceUnreachable | None:
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, ServiceUnavailable | ServiceUnreachable) else None


def _certificates(url: httpx2.URL) -> ssl.SSLContext:
    if url.scheme == "http":
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts none, and costs no time to load
    try:
        return httpx2.create_ssl_context()
    except OSError as error:
        raise ValueError(
            f"the certificates of SSL_CERT_FILE or SSL_CERT_DIR cannot be read: {error}"
        ) from error


def _base_url_of_environment() -> httpx2.URL:
    try:
        return base_url(os.environ.get("CLASSIFIER_URL") or DEFAULT_URL)
    except ValueError as error:  # nothing on the command line shows where the value came from
        raise ValueError(f"CLASSIFIER_URL: {error}") from error


def base_url(text: str) -> httpx2.URL:
    """Parse the service's URL.

    The path of an endpoint at its end, such as ``/predict``, is dropped. To use a service under
    a path of that name, end the URL with a slash.

    Raises:
        ValueError: It is not a URL of a service.
    """
    try:
        url = httpx2.URL(text.strip())
    except httpx2.InvalidURL as error:
        raise ValueError(f"the URL cannot be read: {error}") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError("the URL must begin with http:// or https:// and a host name")
    if url.port is not None and not 0 < url.port < 65_536:
        raise ValueError("the URL's port must be between 1 and 65535")
    if not has_valid_host(url):
        raise ValueError("the URL's host name has a part that is empty or too long")
    path = url.path
    for endpoint in ENDPOINTS:
        path = path.removesuffix(endpoint)
    return url.copy_with(path="" if path == "/" else path, query=None, fragment=None)
