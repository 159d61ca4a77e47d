"""The page behind a proxy: under a prefix, with a limit on bodies, with a timeout."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Route

from tests.browser.conftest import Visiting
from tests.support.api_process import ApiProcess
from tests.support.nginx import Nginx
from tests.support.photos import jpeg

Proxied = Callable[[str], str]
LARGE = jpeg() + bytes(1_700_000)


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[Proxied]:
    """Starts nginx with these settings; returns its address."""
    with ExitStack() as running:

        def start(settings: str) -> str:
            return running.enter_context(Nginx(tmp_path / "nginx", settings)).url

        yield start


def prefix(api: ApiProcess, path: str) -> str:
    return f"location {path} {{ proxy_pass {api.url}/; proxy_buffering off; }}"


@pytest.mark.parametrize("path", ["/classifier/", "/tools/vision/v1/"])
@pytest.mark.usefixtures("worker")
def test_the_page_works_under_any_prefix(
    small_api: ApiProcess, proxied: Proxied, visiting: Visiting, path: str
) -> None:
    visit = visiting(proxied(prefix(small_api, path)) + path)
    visit.wait_text("#service-word", "Ready")
    visit.choose(("cat.jpg", jpeg()))
    assert len(visit.labels()) == 3
    assert f"{visit.url}predict" in visit.text("#curl")
    visit.choose(("one.jpg", jpeg()), ("two.jpg", jpeg()))
    visit.wait_text("#batch-line", "2 classified")
    assert f"{visit.url}jobs/" in visit.text("#curl")
    visit.page.reload()
    visit.wait_text("#batch-line", "2 classified")
    assert all(url.startswith((visit.url, "blob:")) for url in visit.asked)


@pytest.mark.usefixtures("worker")
def test_a_prefix_is_kept_when_the_photo_is_answered_later(
    small_api: ApiProcess, proxied: Proxied, visiting: Visiting
) -> None:
    visit = visiting(proxied(prefix(small_api, "/classifier/")) + "/classifier/")

    def at_once(route: Route) -> None:
        route.continue_(headers={**route.request.headers, "prefer": "respond-async"})

    visit.page.route("**/predict", at_once)
    visit.choose(("cat.jpg", jpeg()))
    assert len(visit.labels()) == 3


@pytest.mark.usefixtures("worker")
def test_the_reference_works_under_a_prefix(
    small_api: ApiProcess, proxied: Proxied, visiting: Visiting
) -> None:
    visit = visiting(proxied(prefix(small_api, "/classifier/")) + "/classifier/")
    visit.page.get_by_role("link", name="API reference").click()
    visit.page.locator("#swagger-ui .opblock").first.wait_for()
    visit.page.locator("#swagger-ui .opblock", has_text="/health/live").first.click()
    visit.page.get_by_role("button", name="Try it out").click()
    with visit.page.expect_response("**/health/live") as answer:
        visit.page.get_by_role("button", name="Execute").click()
    assert answer.value.url == f"{visit.url}health/live"
    assert answer.value.ok
    visit.page.goto(visit.url)


@pytest.mark.parametrize("large", [1, 4])
@pytest.mark.usefixtures("worker")
def test_photos_that_a_proxy_refuses_fail_and_the_others_go_on(
    small_api: ApiProcess,
    proxied: Proxied,
    visiting: Visiting,
    large: int,
) -> None:
    visit = visiting(proxied(prefix(small_api, "/")), expected=[413])
    small = [(f"{at}.jpg", jpeg()) for at in range(8)]
    visit.choose(*small[:5], *[(f"large-{at}.jpg", LARGE) for at in range(large)], *small[5:])
    visit.wait_text("#batch-line", f"8 classified · {large} failed")
    failed = visit.page.locator(".tile[data-state=failed]")
    assert failed.count() == large
    assert failed.first.get_attribute("aria-label") == "large-0.jpg: The file is too large"
    failed.first.click()
    reason = visit.text("#detail-answer .problem h2 + p")
    assert "server in front of the service" in reason
    assert "1.7 MB" in reason
    visit.page.keyboard.press("Escape")


@pytest.mark.usefixtures("worker")
def test_one_photo_that_a_proxy_refuses_says_why(
    small_api: ApiProcess, proxied: Proxied, visiting: Visiting
) -> None:
    visit = visiting(proxied(prefix(small_api, "/")), expected=[413])
    visit.choose(("large.jpg", LARGE))
    visit.wait_text("#answer .problem h2", "The file is too large")
    assert "server in front of the service" in visit.text("#answer .problem h2 + p")


@pytest.mark.usefixtures("worker")
def test_an_upload_that_is_cut_off_on_the_way_fails_after_some_tries(
    small_api: ApiProcess, proxied: Proxied, visiting: Visiting
) -> None:
    """A proxy that hangs up on a large body, where nginx and most others answer 413."""
    cut = "if ($http_content_length ~ '[0-9]{7}') { return 444; }"
    jobs = f"location = /jobs {{ {cut} proxy_pass {small_api.url}; }}"
    url = proxied(f"client_max_body_size 0; {jobs} {prefix(small_api, '/')}")
    visit = visiting(url, expected=["net::ERR_EMPTY_RESPONSE", "net::ERR_CONNECTION_RESET"])
    small = [(f"{at}.jpg", jpeg()) for at in range(3)]
    visit.choose(*small, ("large.jpg", LARGE))
    visit.wait_text("#batch-line", "3 classified · 1 failed")
    failed = visit.page.locator(".tile[data-state=failed]")
    assert failed.get_attribute("aria-label") == "large.jpg: The upload does not get through"


@pytest.mark.usefixtures("worker")
def test_the_page_waits_for_less_time_than_proxies_do(
    small_api: ApiProcess, visiting: Visiting
) -> None:
    visit = visiting(small_api.url)
    with visit.page.expect_request("**/predict") as request:
        visit.choose(("cat.jpg", jpeg()))
    assert request.value.headers["prefer"] == "wait=20"
    assert json.loads(request.value.response().body())["predictions"]  # type: ignore[union-attr]
