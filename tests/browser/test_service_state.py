"""The service's state in sight: ready, without its broker, with a fallback model."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Route, expect

from tests.browser.conftest import KEY, Visiting
from tests.support.api_process import ApiProcess
from tests.support.browser import Visit
from tests.support.photos import jpeg
from tests.support.played_worker import PlayedWorker
from tests.support.served import Served, eventually


@contextmanager
def broker_away(service: Served, visit: Visit) -> Iterator[None]:
    """Redis keeps its connections and answers no request."""
    redis = service.child("redis.sock")
    visit.expected = {503}
    redis.suspend()
    try:
        visit.wait_text("#service-word", "Broker away")
        assert visit.text("#say-state") == "Service: Broker away"
        yield
    finally:
        redis.resume()


def test_broker_workers_and_model_are_in_sight(visit: Visit, service: Served) -> None:
    visit.wait_text("#service-word", "Ready")
    model = service.health().json()["workers"][0]["model"]
    facts = visit.text("#service-facts")
    assert facts.startswith(model)
    assert "1 worker" in facts
    assert "broker " in facts
    visit.page.locator("#service summary").click()
    expect(visit.page.locator("#service-panel tbody tr")).to_have_count(1)
    visit.page.get_by_role("group", name="Workers").focus()
    for _ in range(2):
        with visit.page.expect_response("**/health"):
            pass
    visit.page.wait_for_timeout(100)
    assert visit.page.evaluate("document.activeElement.ariaLabel") == "Workers"


def test_what_is_no_state_is_not_the_last_that_is_seen(visit: Visit) -> None:
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


def test_a_photo_sent_while_the_broker_is_away_is_answered_when_it_is_back(
    visit: Visit, service: Served
) -> None:
    with broker_away(service, visit):
        visit.choose(("cat.jpg", jpeg()))
        visit.wait_text("#answer .problem h2", "Photos cannot be taken in just now")
        visit.wait_text("#answer .countdown", "Trying again in ")
        visit.assert_accessible()
    assert len(visit.labels()) == 3
    visit.wait_text("#service-word", "Ready")


def test_a_batch_lives_through_an_outage(visit: Visit, service: Served, photos: Path) -> None:
    with broker_away(service, visit):
        visit.drop([photos])
        visit.wait_text("#trouble", "Photos cannot be taken in just now")
        assert "goes on by itself" in visit.text("#trouble")
    visit.wait_text("#batch-line", "20 classified · 1 failed")
    assert visit.text("#trouble") == ""


def test_the_notice_of_a_fallback_model_stays_in_sight(
    small_api: ApiProcess, worker: PlayedWorker, visiting: Visiting
) -> None:
    notice = "The packaged model answers, as ResNet-50 was not found."
    worker.report = worker.report.model_copy(update={"notice": notice})
    visit = visiting(small_api.url)
    visit.wait_text("#notice", notice)
    visit.page.evaluate("scrollTo(0, document.body.scrollHeight)")
    expect(visit.page.locator("#notice")).to_be_in_viewport()


def test_without_a_worker_the_page_says_so(small_api: ApiProcess, visiting: Visiting) -> None:
    visit = visiting(small_api.url, expected=[503])
    visit.wait_text("#service-word", "No worker")
    visit.choose(("cat.jpg", jpeg()))
    visit.wait_text("#answer .problem h2", "No worker is running")
    assert "Prefer" not in visit.text("#answer .problem")


def test_a_service_with_keys_asks_for_one_and_goes_on(
    keyed_api: ApiProcess, visiting: Visiting
) -> None:
    visit = visiting(keyed_api.url, expected=[401, 503])
    field = visit.page.get_by_label("API key")
    field.fill("not the right one at all, but long enough")
    field.press("Enter")
    visit.wait_text("#key-title", "This key was not accepted")
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
