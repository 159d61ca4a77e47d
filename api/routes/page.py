"""``GET /``: the web page, and ``GET /docs`` with Swagger UI from a wheel rather than a CDN."""

from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, FastAPI, Response
from starlette.staticfiles import StaticFiles

STATIC = Path(__file__).parents[1] / "static"

# Scripts and styles come from files of this service alone; a photo is shown from memory.
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# Swagger UI sets style attributes.
_DOCS_POLICY = _PAGE_POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")

router = APIRouter(include_in_schema=False)


def _html(name: str, policy: str) -> Response:
    headers = {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-cache",
    }
    return Response((STATIC / name).read_bytes(), headers=headers, media_type="text/html")


@router.get("/")
async def page() -> Response:
    """Drop a photo, see three classes."""
    return _html("index.html", _PAGE_POLICY)


@router.get("/docs")
async def docs() -> Response:
    """The API's description, to read and to try."""
    return _html("docs.html", _DOCS_POLICY)


def mount(app: FastAPI) -> None:
    """Serve what both pages load."""
    app.include_router(router)
    app.mount("/static", StaticFiles(directory=STATIC))
    swagger_ui = Path(str(files("fastapi_offline"))) / "static"
    app.mount("/swagger-ui", StaticFiles(directory=swagger_ui))
