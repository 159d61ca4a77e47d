"""Decides which paths are open to all, which are disabled, and which require an API key.

The decision is made before a body is read. If there are keys, every path requires one unless it is
listed here, so a new route is protected without a change here.
"""

from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.contextvars import bind_contextvars

from api.auth.keyring import Keyring
from api.http.responses import NotFound, respond_error
from shared.errors import ServiceError, Unauthorized

# A path that ends in a slash includes all paths below it. A browser cannot send a key when it opens
# /docs, so that page is open and asks for the key before it requests /openapi.json.
OPEN = ("/static/", "/health/live", "/health/ready", "/docs", "/swagger-ui/")
ROOT = "/"
DOCS = ("/docs", "/openapi.json", "/swagger-ui/")
METRICS = ("/metrics",)

_REALM = 'Bearer realm="image-classifier"'
_WANTED = "Send an API key: 'Authorization: Bearer KEY' or 'X-API-Key: KEY'."
_WRONG = "Invalid API key. Check it, or ask the operator for one."


class Paths:
    """A set of paths and of folders of paths."""

    def __init__(self, *paths: str) -> None:
        self._exact = {path for path in paths if path == ROOT or not path.endswith("/")}
        self._below = tuple(path for path in paths if path not in self._exact)

    def __contains__(self, path: object) -> bool:
        return path in self._exact or (isinstance(path, str) and path.startswith(self._below))


ALWAYS_OPEN = Paths(ROOT, *OPEN)


class ApiKeyMiddleware:
    """ASGI middleware that requires an API key if there are any.

    Args:
        app: The ASGI application.
        keyring: The API keys.
        switches: For each group of paths: open to all (``True``), disabled (``False``), or treated
            like any other path (``None``).
    """

    def __init__(
        self, app: ASGIApp, keyring: Keyring, switches: dict[tuple[str, ...], bool | None]
    ) -> None:
        self.app = app
        self._keyring = keyring
        groups = list(switches.items())
        opened = [path for paths, switch in groups if switch for path in paths]
        self._open = Paths(ROOT, *OPEN, *opened)
        self._shut = Paths(*(path for paths, switch in groups if switch is False for path in paths))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "lifespan":
            error, headers = self._judge(scope)
            if error is not None:
                scope["app"].state.metrics.refused(error.slug)
                await respond_error(error, headers)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _judge(self, scope: Scope) -> tuple[ServiceError | None, dict[str, str]]:
        path: str = scope["path"].removeprefix(scope.get("root_path", ""))
        if path in self._shut:
            return NotFound("This endpoint is disabled. The operator can enable it."), {}
        if not self._keyring or path in self._open:
            return None, {}
        owner = self._keyring.owner_of(scope["headers"])
        if owner is None:
            return _unauthorized(scope)
        scope["owner"] = owner
        bind_contextvars(owner=owner)
        return None, {}


def _unauthorized(scope: Scope) -> tuple[ServiceError, dict[str, str]]:
    names = {name for name, _ in scope["headers"]}
    tried = not names.isdisjoint({b"authorization", b"x-api-key"})
    challenge = _REALM + (', error="invalid_token"' if tried else "")
    return Unauthorized(_WRONG if tried else _WANTED), {"www-authenticate": challenge}
