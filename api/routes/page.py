"""``GET /``, the web page, and ``GET /docs``, Swagger UI from a Python package instead of a CDN."""

from importlib.resources import files
from pathlib import Path
from string import Template

from fastapi import APIRouter, FastAPI, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from api.settings import ApiSettings

STATIC = Path(__file__).parents[1] / "static"

# Scripts and styles may only come from files of this service; the page shows a photo from memory.
# The page creates no trusted type, so the browser refuses to turn a string into markup or code.
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
# Swagger UI sets style attributes, writes markup and draws its icons from data: URLs.
_DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
# A browser must revalidate its copy: JavaScript modules of two versions would not work together.
_FRESH = {"cache-control": "no-cache", "x-content-type-options": "nosniff"}


class _Static(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(_FRESH)
        return response


def _html(text: str, policy: str) -> Response:
    headers = {**_FRESH, "content-security-policy": policy, "referrer-policy": "no-referrer"}
    return Response(text, headers=headers, media_type="text/html")


def _router(settings: ApiSettings) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    index = Template((STATIC / "index.html").read_text()).substitute(
        max_job_items=settings.max_photos,
        max_job_bytes=settings.max_job_bytes,
        photo_formats=settings.formats.either,
        media_types=",".join(settings.formats.media_types),
    )
    reference = (STATIC / "docs.html").read_text()

    @router.get("/")
    async def page() -> Response:
        """The web page for one photo or a batch."""
        return _html(index, _PAGE_POLICY)

    @router.get("/docs")
    async def docs() -> Response:
        """The interactive description of the API."""
        return _html(reference, _DOCS_POLICY)

    return router


def mount(app: FastAPI, settings: ApiSettings) -> None:
    """Serve both pages and their files; the web page has the limits of a job and the formats."""
    app.include_router(_router(settings))
    app.mount("/static", _Static(directory=STATIC))
    swagger_ui = Path(str(files("fastapi_offline"))) / "static"
    app.mount("/swagger-ui", StaticFiles(directory=swagger_ui))
