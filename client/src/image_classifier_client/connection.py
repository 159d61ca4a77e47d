"""Where the service is, who is asking, and when a failed request is tried again.

Shared by both clients. Depends on httpx and tenacity.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import httpx
import tenacity

from image_classifier_client.calls import shown_url
from image_classifier_client.errors import ServiceUnavailable, ServiceUnreachable

DEFAULT_URL = "http://127.0.0.1:8000"
CONNECT_S = 5.0
# A restarted api answers again within a second or two.
BACKOFF_FIRST_S, BACKOFF_MOST_S = 0.2, 5.0

OnRetry = Callable[[ServiceUnavailable | ServiceUnreachable, float], None]


@dataclass(frozen=True)
class Connection:
    """How to reach the service.

    Args:
        url: Its URL; default ``CLASSIFIER_URL``, else ``http://127.0.0.1:8000``.
        api_key: Sent as bearer token; default ``CLASSIFIER_API_KEY``, else none.
        timeout_s: Seconds without a byte after which a request has failed.
        retry_for_s: Seconds for which a request is tried again while the service is away or busy.
        on_retry: Told the error and the seconds to wait before each new try.

    Raises:
        ValueError: The URL or the key is none.
    """

    url: httpx.URL
    headers: dict[str, str]
    timeout_s: float
    retry_for_s: float
    on_retry: OnRetry | None

    @classmethod
    def of(
        cls,
        url: str | None,
        api_key: str | None,
        timeout_s: float,
        retry_for_s: float,
        on_retry: OnRetry | None,
    ) -> "Connection":
        """With what the environment says where an argument is ``None``."""
        headers = {"User-Agent": f"image-classifier-client/{version('image-classifier-client')}"}
        key = os.environ.get("CLASSIFIER_API_KEY") if api_key is None else api_key
        if key and (key := key.strip()):
            if not (key.isascii() and key.isprintable()):
                raise ValueError("the API key has characters that no HTTP header can carry")
            headers["Authorization"] = f"Bearer {key}"
        address = url or os.environ.get("CLASSIFIER_URL") or DEFAULT_URL
        return cls(checked_url(address), headers, timeout_s, retry_for_s, on_retry)

    def options(self) -> dict[str, Any]:
        """The arguments of either of httpx's clients."""
        timeout = httpx.Timeout(self.timeout_s, connect=min(CONNECT_S, self.timeout_s))
        return {"base_url": self.url, "headers": self.headers, "timeout": timeout}

    def retrying(self) -> dict[str, Any]:
        """The arguments of either of tenacity's retryers."""
        return {
            "retry": tenacity.retry_if_exception_type((ServiceUnavailable, ServiceUnreachable)),
            "wait": _wait,
            "stop": tenacity.stop_before_delay(self.retry_for_s),
            "before_sleep": self._before_sleep,
            "reraise": True,
        }

    def unreachable(self, error: httpx.RequestError) -> ServiceUnreachable:
        """The error in the words of this package."""
        reason = str(error) or type(error).__name__
        return ServiceUnreachable(f"No answer from {shown_url(self.url)}: {reason}")

    def _before_sleep(self, state: tenacity.RetryCallState) -> None:
        error = _error(state)
        if self.on_retry and error:
            self.on_retry(error, state.upcoming_sleep)


_backoff = tenacity.wait_random_exponential(BACKOFF_FIRST_S, BACKOFF_MOST_S, min=BACKOFF_FIRST_S)


def _wait(state: tenacity.RetryCallState) -> float:
    """As long as the service says, else a little longer each time."""
    error = _error(state)
    asked = error.retry_after_s if isinstance(error, ServiceUnavailable) else None
    return _backoff(state) if asked is None else max(asked, BACKOFF_FIRST_S)


def _error(state: tenacity.RetryCallState) -> ServiceUnavailable | ServiceUnreachable | None:
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, ServiceUnavailable | ServiceUnreachable) else None


def checked_url(text: str) -> httpx.URL:
    """A URL of a service.

    Raises:
        ValueError: It is none.
    """
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise ValueError(f"the URL cannot be read: {error}") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError("the URL must begin with http:// or https:// and a host's name")
    return url
