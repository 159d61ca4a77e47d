"""More photos than a job or the queue admits, against an api with small limits."""

import csv
import itertools
import json
import threading
from collections import Counter
from collections.abc import Iterator

import psutil
import pytest
from playwright.sync_api import Route, expect

from shared.errors import InferenceFailed
from shared.messages import ItemResult, Problem
from shared.records.items import StartedItem
from tests.browser.conftest import Visiting
from tests.support.api_process import ApiProcess
from tests.support.photos import jpeg
from tests.support.played_worker import PlayedWorker, succeed

PHOTOS = 25  # three jobs of at most ten, of which two fill the queue


@pytest.fixture
def gate(worker: PlayedWorker) -> Iterator[threading.Event]:
    """The worker answers one photo, and the others once this is set."""
    gate = threading.Event()
    earlier = itertools.count()

    def answer(item: StartedItem) -> ItemResult:
        if next(earlier):
            gate.wait()
        return succeed(item)

    worker.answer = answer
    yield gate
    gate.set()


def test_photos_beyond_the_queue_limit_wait_in_the_page(
    small_api: ApiProcess, gate: threading.Event, visiting: Visiting
) -> None:
    visit = visiting(small_api.url, expected=[503])
    visit.choose(*[(f"{at}.jpg", jpeg()) for at in range(PHOTOS)])
    visit.wait_text("#trouble", "Many photos are waiting")
    expect(visit.page.locator(".tile[data-state=sending]")).to_have_count(5)
    gate.set()
    visit.wait_text("#batch-line", f"{PHOTOS} classified")
    assert visit.text("#trouble") == ""
    assert len(visit.page.url.split("#")[1].split(",")) == 3
    with visit.page.expect_download() as download:
        visit.page.get_by_role("button", name="Save CSV").click()
    lines = download.value.path().read_text("utf-8-sig").splitlines()
    named = [[str(at), f"{at}.jpg"] for at in range(PHOTOS)]
    assert [line.split(",")[:2] for line in lines[1:]] == named


def test_a_cancelled_batch_drops_what_has_not_begun(
    small_api: ApiProcess, gate: threading.Event, visiting: Visiting
) -> None:
    visit = visiting(small_api.url, expected=[503])
    visit.choose(*[(f"{at}.jpg", jpeg()) for at in range(PHOTOS)])
    expect(visit.page.locator(".tile[data-state=running]")).to_have_count(1)
    expect(visit.page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "4")
    visit.wait_text("#trouble", "Many photos are waiting")
    visit.page.get_by_role("button", name="Cancel").press("Enter")
    expect(visit.page.locator(".tile[data-state=cancelled]")).to_have_count(PHOTOS - 2)
    gate.set()
    visit.wait_text("#batch-line", f"2 classified · {PHOTOS - 2} cancelled")
    assert visit.page.evaluate("document.activeElement.id") == "start-over"
    with visit.page.expect_download() as download:
        visit.page.get_by_role("button", name="Save CSV").click()
    rows = list(csv.DictReader(download.value.path().read_text("utf-8-sig").splitlines()))
    assert [row["path"] for row in rows] == [f"{at}.jpg" for at in range(PHOTOS)]
    assert {row["status"] for row in rows[-5:]} == {"cancelled"}, "those that were never sent"
    visit.page.get_by_role("button", name="Start over").click()
    expect(visit.page.get_by_text("Drop a photo here")).to_be_visible()


def test_a_job_whose_answer_is_on_its_way_is_cancelled_too(
    small_api: ApiProcess, visiting: Visiting
) -> None:
    visit = visiting(small_api.url, expected=[503])
    visit.wait_text("#service-word", "No worker")
    api = psutil.Process(small_api.process.pid)
    api.suspend()
    try:
        visit.choose(("one.jpg", jpeg()), ("two.jpg", jpeg()))
        # all of it is in the kernel's hands
        visit.page.wait_for_function("() => progress.style.getPropertyValue('--sent') === '1'")
        visit.page.get_by_role("button", name="Cancel").press("Enter")
        visit.page.wait_for_timeout(300)
    finally:
        api.resume()
    visit.wait_text("#batch-line", "2 cancelled")
    job = visit.page.evaluate("location.hash.slice(1)")
    assert small_api.client.get(f"/jobs/{job}").json()["counts"]["cancelled"] == 2


def test_outages_fail_no_photo_and_failed_photos_can_be_sent_again(
    small_api: ApiProcess, worker: PlayedWorker, visiting: Visiting
) -> None:
    visit = visiting(small_api.url, expected=[502, 503])
    failing = threading.Event()
    failing.set()

    def answer(item: StartedItem) -> ItemResult:
        if item.ref.index == 3 and failing.is_set():
            return ItemResult(error=Problem.of(InferenceFailed("The model failed.")))
        return succeed(item)

    asked: Counter[str] = Counter()

    def proxy(route: Route) -> None:
        asked[route.request.url] += 1
        if asked[route.request.url] <= 3:  # so often is tried what may be there to stay
            route.fulfill(status=502, body="<h1>Bad Gateway</h1>")
        elif asked[route.request.url] == 4:
            route.fulfill(status=200, body='{"job_id": "')
        else:
            route.continue_()

    worker.answer = answer
    visit.page.route("**/jobs/*?offset=*", proxy)
    visit.choose(*[(f"{at}.jpg", jpeg()) for at in range(6)])
    visit.wait_text("#trouble", "The page keeps trying")
    first = visit.page.locator(".tile").first
    first.focus()
    visit.choose(("more.jpg", jpeg()))
    visit.wait_text("#batch-line", "6 classified · 1 failed")
    assert visit.text("#trouble") == ""
    assert first.evaluate("(tile) => tile === document.activeElement")
    failing.clear()
    visit.page.get_by_role("button", name="Send failed ones again").click()
    visit.wait_text("#batch-line", "7 classified")
    expect(visit.page.get_by_role("button", name="Send failed ones again")).not_to_be_visible()
    with visit.page.expect_download() as download:
        visit.page.get_by_role("button", name="Save JSON").click()
    items = json.loads(download.value.path().read_text())["items"]
    assert [item["status"] for item in items] == ["succeeded"] * 7


@pytest.mark.parametrize("chosen", [3, PHOTOS])
@pytest.mark.usefixtures("worker")
def test_cancelling_removes_the_message_of_an_outage(
    small_api: ApiProcess, visiting: Visiting, chosen: int
) -> None:
    visit = visiting(small_api.url, expected=["net::ERR_FAILED"])
    visit.page.route("**/jobs", lambda route: route.abort())
    visit.choose(*[(f"{at}.jpg", jpeg()) for at in range(chosen)])
    visit.wait_text("#trouble", "The service does not answer")
    visit.page.get_by_role("button", name="Cancel").click()
    visit.page.unroute("**/jobs")
    visit.wait_text("#batch-line", f"{chosen} cancelled")
    expect(visit.page.locator("#trouble")).to_be_empty()
    visit.choose(("cat.jpg", jpeg()))
    visit.wait_text("#batch-line", "1 classified")
    expect(visit.page.locator("#trouble")).to_be_empty()


def test_cancelling_a_sent_job_removes_the_message_of_an_outage(
    small_api: ApiProcess, gate: threading.Event, visiting: Visiting
) -> None:
    visit = visiting(small_api.url, expected=["net::ERR_FAILED"])
    visit.choose(*[(f"{at}.jpg", jpeg()) for at in range(3)])
    expect(visit.page.locator(".tile[data-state=running]")).to_have_count(1)
    visit.page.route("**/jobs/**", lambda route: route.abort())
    gate.set()
    visit.wait_text("#trouble", "The service does not answer")
    visit.page.get_by_role("button", name="Cancel").click()
    visit.wait_text("#trouble", "The batch was not cancelled")
    visit.page.unroute("**/jobs/**")
    visit.wait_text("#batch-line", "3 classified")
    expect(visit.page.locator("#trouble")).to_be_empty()


def test_the_outage_of_one_job_does_not_hide_that_of_another(
    small_api: ApiProcess, gate: threading.Event, visiting: Visiting
) -> None:
    visit = visiting(small_api.url, expected=[503, "net::ERR_FAILED"])
    visit.choose(*[(f"{at}.jpg", jpeg()) for at in range(PHOTOS)])
    visit.wait_text("#trouble", "Many photos are waiting")
    visit.page.route("**/jobs/**", lambda route: route.abort())
    gate.set()
    visit.wait_text("#trouble", "The service does not answer")
    visit.page.unroute("**/jobs/**")
    visit.wait_text("#batch-line", f"{PHOTOS} classified")
    expect(visit.page.locator("#trouble")).to_be_empty()
