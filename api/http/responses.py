"""Errors as clients see them: ``application/problem+json`` (RFC 9457), never a bare 500."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from api.http import compatible_errors
from api.http.methods import allowed, without_slash
from api.http.retry_after import POLL_S, RETRY_ITEM_S
from api.http.schemas import Job
from shared.errors import InvalidParameter, RetryableError, ServiceError, UnsupportedMediaType
from shared.messages import Problem

MEDIA_TYPE = "application/problem+json"


class NotFound(ServiceError):
    """No route has this path."""

    slug, status, title = "not_found", 404, "Not found"


class MethodNotAllowed(ServiceError):
    """The path exists, but not with this method."""

    slug, status, title = "method_not_allowed", 405, "Method not allowed"


class InternalError(ServiceError):
    """An error of this service; its cause is in the log under the request's id."""

    detail_text = "Internal error. Report it with the X-Request-ID: the server's log has its cause."


class ProblemResponse(Response):
    """A problem document, in the form that the clients of the request's path show."""

    media_type = MEDIA_TYPE

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        self.fit(scope.get("path", "").removeprefix(scope.get("root_path", "")))
        await super().__call__(scope, receive, send)

    def fit(self, path: str) -> None:
        """Take the form that the clients of a path show; the path has no prefix of a proxy."""
        if compatible_errors.is_compatible(path):
            self.body = compatible_errors.with_error(bytes(self.body))
            self.headers["content-type"] = compatible_errors.MEDIA_TYPE
            self.headers["content-length"] = str(len(self.body))


def respond(
    problem: Problem, headers: dict[str, str] | None = None, **members: Any
) -> ProblemResponse:
    """A problem as a response; ``members`` are extension members (RFC 9457, section 3.2)."""
    body = to_json({**problem.model_dump(), **members})
    return ProblemResponse(body, problem.status, headers)


def respond_error(error: ServiceError, headers: dict[str, str] | None = None) -> ProblemResponse:
    """An error as a response, with the headers that tell a client what may help."""
    headers = dict(headers or {})
    if isinstance(error, RetryableError):
        headers["retry-after"] = str(error.retry_after_s)
    if isinstance(error, UnsupportedMediaType) and error.accept_encoding:
        headers["accept-encoding"] = error.accept_encoding
    return respond(Problem.of(error), headers)


def respond_item(problem: Problem, job_id: str) -> Response:
    """The response to a request whose item failed."""
    headers = {"retry-after": str(RETRY_ITEM_S)} if problem.status == 503 else None
    return respond(problem, headers, job_id=job_id)


def internal_error() -> Response:
    """The response to an unexpected exception; it does not contain the exception."""
    return respond_error(InternalError(InternalError.detail_text))


def _invalid_parameter(error: RequestValidationError) -> InvalidParameter:
    faults = [f"{'.'.join(map(str, f['loc'][1:]))}: {f['msg']}" for f in error.errors()]
    return InvalidParameter("; ".join(faults))


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as below
    if error.status_code == 404:
        if shorter := without_slash(request.scope):
            detail = f"The path ends in a slash. Send the request to {shorter} instead."
            return respond_error(NotFound(detail))
        return respond_error(NotFound("No such endpoint. GET /docs lists all endpoints."))
    if error.status_code == 405:
        methods = allowed(request.scope)
        use = " or ".join(method for method in methods if method != "HEAD")
        detail = f"{request.method} is not allowed here: use {use}. GET /docs lists all endpoints."
        return respond_error(MethodNotAllowed(detail), {"allow": ", ".join(methods)})
    title = HTTPStatus(error.status_code).phrase
    problem = Problem(
        type="about:blank", title=title, status=error.status_code, detail=str(error.detail)
    )
    return respond(problem, dict(error.headers or {}))


def install(app: FastAPI, refused: Callable[[str, str], None] = lambda *_: None) -> None:
    """Turn every error of this app into a problem document.

    ``refused`` is called with its slug and the owner of the request's API key, or an empty text.
    """

    async def _service_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, ServiceError)  # noqa: S101 - registered only for this class
        refused(error.slug, request.scope.get("owner", ""))
        return respond_error(error)

    async def _validation_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - as below
        return await _service_error(request, _invalid_parameter(error))

    app.add_exception_handler(ServiceError, _service_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)


def json_response(
    message: BaseModel, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """The message as JSON, without the second validation of a FastAPI response model."""
    return Response(message.model_dump_json(), status, headers, "application/json")


def job_response(job: Job, status: int, headers: dict[str, str] | None = None) -> Response:
    """The response for an accepted job, with its ``Location`` and ``Retry-After``.

    The location is relative to ``/predict`` and ``/jobs``, so that it is correct behind any prefix.
    """
    where = {"location": f"jobs/{job.job_id}", "retry-after": str(POLL_S)}
    return json_response(job, status, {**where, **(headers or {})})
