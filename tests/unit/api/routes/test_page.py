"""The pages run no script or style but files of their own."""

import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser

import httpx
import pytest
from fastapi import FastAPI

from api.http.responses import MethodNotAllowed, NotFound
from api.routes import page
from api.server.connection_errors import HeadersTooLarge
from api.settings import ApiSettings
from shared.errors import ModelNotFound, ResultTimeout, every_error


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI(docs_url=None)
    page.mount(app, ApiSettings(max_job_items=7))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as made:
        yield made


class Assets(HTMLParser):
    """Collects what a page loads, and refuses what its policy would block."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.urls: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        assert tag != "style"
        assert not any(name == "style" or name.startswith("on") for name in given)
        if tag == "script":
            assert given.get("src")
        if tag in {"script", "link"}:
            self.urls.append(str(given.get("src") or given.get("href")))


@pytest.mark.parametrize("path", ["/", "/docs"])
async def test_a_page_loads_only_files_that_are_served_here(
    client: httpx.AsyncClient, path: str
) -> None:
    answer = await client.get(path)
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert re.search(r"script-src 'self';", policy)
    urls = Assets(answer.text).urls
    assert len(urls) >= 3
    for url in urls:
        assert not url.startswith("/"), "under a prefix that is somewhere else"
        assert (await client.get(f"/{url}")).status_code == 200


async def test_the_page_knows_how_much_a_job_may_hold(client: httpx.AsyncClient) -> None:
    assert 'data-max-job-items="7"' in (await client.get("/")).text


async def test_the_page_has_words_of_its_own_for_every_error(client: httpx.AsyncClient) -> None:
    words = (await client.get("/static/page/error-texts.js")).text
    # the page sends nothing that is answered with one of these
    others = {NotFound, MethodNotAllowed, HeadersTooLarge, ModelNotFound, ResultTimeout}
    for error in every_error():
        if error not in others:
            assert f"\n  {error.slug}: [" in words


async def test_a_new_version_is_never_mixed_with_a_kept_module(client: httpx.AsyncClient) -> None:
    answer = await client.get("/static/page/app.js")
    assert answer.headers["cache-control"] == "no-cache"
    again = await client.get(
        "/static/page/app.js", headers={"if-none-match": answer.headers["etag"]}
    )
    assert again.status_code == 304
