"""An exception that nothing expected is an answer with everything that other answers have."""

import httpx
import pytest

from api.main import create_app
from api.settings import ApiSettings

SITE = "https://a.example"


@pytest.mark.parametrize("origins", [SITE, "*"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_unexpected_error_can_be_read_by_a_named_site(origins: str, method: str) -> None:
    app = create_app(ApiSettings(cors_origins=origins))

    @app.api_route("/broken", methods=[method])
    async def broken() -> None:
        raise RuntimeError("secret")

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        answer = await client.request(method, "/broken", headers={"origin": SITE})
    assert answer.status_code == 500
    assert answer.headers["access-control-allow-origin"] in {SITE, "*"}
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "secret" not in answer.text
