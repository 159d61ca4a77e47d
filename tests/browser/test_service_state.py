"""The header: the state of the service, the fallback notice, API keys."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import KEY, Visiting
from tests.support.api_process import ApiProcess
from tests.support.browser import PHONE, Visit
from tests.support.photos import jpeg
from tests.support.played_worker import PlayedWorker
from tests.support.served import Served, eventually


@contextmanager
def redis_stopped(service: Served, visit: Visit) -> Iterator[None]:
    """Redis keeps its connections and answers none."""
    redis = service.child("redis.sock")
    visit.expected = {503}
    redis.suspend()
    try:
        visit.wait_text("#service-word", "Unavailable")
        assert visit.text("#say-state") == "Service: Unavailable"
        yield
    finally:
        redis.resume()


def test_the_header_shows_one_word_and_its_details_the_rest(visit: Visit, service: Served) -> None:
    visit.wait_text("#service-word", "Ready")
    assert visit.text("#service summary") == "Ready"
    visit.page.locator("#service summary").click()
    model = service.health().json()["workers"][0]["model"]
    assert f"Model\n{model}\nRedis\nup, " in visit.text("#service-panel dl")
    expect(visit.page.locator("#service-panel tbody tr")).to_have_count(1)
    visit.page.get_by_role("group", name="Workers").focus()
    for _ in range(2):
        with visit.page.expect_response("**/health"):
            pass
    visit.page.wait_for_timeout(100)
    assert visit.page.evaluate("document.activeElement.ariaLabel") == "Workers"


@pytest.mark.parametrize("nonsense", ["-5", "9999999999", "1e9", "soon"])
def test_a_retry_after_that_makes_no_sense_counts_as_absent(visit: Visit, nonsense: str) -> None:
    visit.expected = {503}

    def refuse(route: Route) -> None:
        route.fulfill(status=503, body="full", headers={"retry-after": nonsense})

    visit.page.route("**/predict*", refuse)
    visit.choose(("cat.jpg", jpeg()))
    visit.wait_text("#answer .countdown", "Trying again in 2 s.")


def test_the_state_is_read_again_after_a_response_that_is_not_one(visit: Visit) -> None:
    visit.expected = {503}
    visit.wait_text("#service-word", "Ready")
    asked: list[Route] = []

    def answer(route: Route) -> None:
        asked.append(route)
        if len(asked) > 1:  # the first is never answered
            problem = {"type": "about:blank/too_many_connections", "title": "", "status": 503}
            route.fulfill(status=503, json=problem)

    visit.page.route("**/health", answer)
    visit.wait_text("#service-word", "Not reachable")
    visit.choose(("cat.jpg", jpeg()))
    assert len(visit.labels()) == 3
    assert visit.page.get_by_role("button", name="Show why").count() == 0
    eventually(lambda: bool(visit.page.wait_for_timeout(50)) or len(asked) > 2, 30)
    visit.page.unroute("**/health")
    visit.wait_text("#service-word", "Ready")
    expect(visit.page.get_by_role("button", name="Show why")).to_be_visible()


def test_a_photo_sent_while_redis_is_stopped_is_classified_afterwards(
    visit: Visit, service: Served
) -> None:
    with redis_stopped(service, visit):
        visit.choose(("cat.jpg", jpeg()))
        visit.wait_text("#answer .problem h2", "Service temporarily unavailable")
        visit.wait_text("#answer .countdown", "Trying again in ")
        visit.assert_accessible()
    assert len(visit.labels()) == 3
    visit.wait_text("#service-word", "Ready")


def test_a_batch_survives_an_outage(visit: Visit, service: Served, photos: Path) -> None:
    with redis_stopped(service, visit):
        visit.drop([photos])
        visit.wait_text("#trouble", "Service temporarily unavailable")
        assert "keeps trying" in visit.text("#trouble")
    visit.wait_text("#batch-line", "20 classified · 1 failed")
    assert visit.text("#trouble") == ""


def test_the_notice_of_a_fallback_model_is_one_line_until_it_is_closed(
    small_api: ApiProcess, worker: PlayedWorker, visiting: Visiting
) -> None:
    notice = "HTTPS_PROXY [Errno -2]: words for the operator."
    worker.report = worker.report.model_copy(update={"notice": notice})
    visit = visiting(small_api.url, size=PHONE)
    visit.wait_text("#notice", "A smaller model is in use.")
    assert notice not in visit.page.content()
    visit.page.evaluate("scrollTo(0, document.body.scrollHeight)")
    expect(visit.page.locator("#notice")).to_be_in_viewport()
    box = visit.page.locator("#notice").bounding_box()
    assert box is not None
    assert box["height"] < 50
    visit.page.get_by_text("Why?").click()
    expect(visit.page.get_by_text("It is less accurate.")).to_be_visible()
    visit.page.get_by_role("button", name="Close").click()
    visit.page.reload()
    visit.wait_text("#service-word", "Ready")
    expect(visit.page.locator("#notice")).not_to_be_visible()
    worker.report = worker.report.model_copy(update={"notice": "Another reason."})
    expect(visit.page.locator("#notice")).to_be_visible()


def test_a_waiting_photo_says_that_the_worker_does_not_respond(
    visit: Visit, service: Served
) -> None:
    visit.expected = {503}
    visit.wait_text("#service-word", "Ready")
    worker = service.child("worker.main")
    worker.suspend()
    try:
        visit.choose(("cat.jpg", jpeg()))
        visit.wait_text("#service-word", "Not responding")
        visit.wait_text("#answer", "The worker does not respond.")
    finally:
        worker.resume()
    assert len(visit.labels()) == 3


@pytest.mark.usefixtures("worker")
def test_a_photo_is_sent_again_when_the_service_is_back(
    small_api: ApiProcess, visiting: Visiting
) -> None:
    visit = visiting(small_api.url, expected=["net::ERR_CONNECTION_REFUSED", 503])
    visit.wait_text("#service-word", "Ready")
    small_api.kill()
    visit.choose(("cat.jpg", jpeg()))
    visit.wait_text("#answer .problem h2", "The service does not answer")
    visit.wait_text("#answer .countdown", "Trying again in ")
    small_api.start()
    assert len(visit.labels()) == 3


def test_the_api_reference_asks_for_the_key(keyed_api: ApiProcess, visiting: Visiting) -> None:
    visit = visiting(keyed_api.url, expected=[401, 503])
    visit.page.get_by_label("API key").fill(KEY)
    visit.page.keyboard.press("Enter")
    visit.wait_text("#service-word", "No worker")
    visit.page.get_by_role("link", name="API reference").click()
    visit.page.locator("#swagger-ui .opblock").first.wait_for()
    fresh = visiting(keyed_api.url, expected=[401, 503])
    fresh.page.goto(f"{keyed_api.url}/docs")
    fresh.page.get_by_label("API key").fill(KEY)
    fresh.page.keyboard.press("Enter")
    fresh.page.locator("#swagger-ui .opblock").first.wait_for()
    for each in (visit, fresh):
        each.page.goto(keyed_api.url)
    fresh.wait_text("#service-word", "No worker")


def test_without_a_worker_the_page_says_so(small_api: ApiProcess, visiting: Visiting) -> None:
    visit = visiting(small_api.url, expected=[503])
    visit.wait_text("#service-word", "No worker")
    visit.choose(("cat.jpg", jpeg()))
    visit.wait_text("#answer .problem h2", "No worker is running")
    assert "Prefer" not in visit.text("#answer .problem")


def test_a_service_with_keys_asks_for_one_and_continues(
    keyed_api: ApiProcess, visiting: Visiting
) -> None:
    visit = visiting(keyed_api.url, expected=[401, 503])
    field = visit.page.get_by_label("API key")
    field.fill("not the right one at all, but long enough")
    field.press("Enter")
    visit.wait_text("#key-title", "This key was not accepted")
    assert visit.text("#service-word") == "API key required"
    visit.assert_accessible()
    field.fill(KEY)
    field.press("Enter")
    with PlayedWorker(keyed_api.redis_url):
        visit.wait_text("#service-word", "Ready")
        visit.choose(("cat.jpg", jpeg()))
        assert len(visit.labels()) == 3
        command = visit.text("#curl")
        assert '-H "Authorization: Bearer $API_KEY"' in command
        assert KEY not in visit.page.content()
        visit.choose(("one.jpg", jpeg()), ("two.jpg", jpeg()))
        visit.wait_text("#batch-line", "2 classified")
        visit.page.reload()
        visit.wait_text("#batch-line", "2 classified")
