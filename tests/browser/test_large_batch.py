"""More photos than a job or the queue admits, against an api with small limits."""

import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from shared.contract import ItemResult
from shared.items import StartedItem
from tests.browser.conftest import Visiting
from tests.support.api_process import ApiProcess
from tests.support.photos import jpeg
from tests.support.played_worker import PlayedWorker, succeed

PHOTOS = 25  # three jobs of at most ten, of which two fill the queue


@pytest.fixture
def gate(worker: PlayedWorker) -> Iterator[threading.Event]:
    """The worker answers each job's first photo, and the others once this is set."""
    gate = threading.Event()

    def answer(item: StartedItem) -> ItemResult:
        if item.ref.index:
            gate.wait()
        return succeed(item)

    worker.answer = answer
    yield gate
    gate.set()


def test_more_than_the_queue_holds_waits_its_turn(
    small_api: ApiProcess, gate: threading.Event, visiting: Visiting
) -> None:
    visit = visiting(small_api.url, expected=[503])
    visit.choose(*[(f"{at}.jpg", jpeg()) for at in range(PHOTOS)])
    visit.wait_text("#trouble", "Queue full")
    expect(visit.page.locator(".tile[data-state=sending]")).to_have_count(5)
    gate.set()
    visit.wait_text("#batch-line", f"{PHOTOS} classified")
    assert visit.text("#trouble") == ""
    assert len(visit.page.url.split("#")[1].split(",")) == 3
    with visit.page.expect_download() as download:
        visit.page.get_by_role("button", name="Save CSV").click()
    lines = download.value.path().read_text().splitlines()
    assert [line.split(",")[1] for line in lines[1:]] == [f"{at}.jpg" for at in range(PHOTOS)]


def test_a_cancelled_batch_drops_what_has_not_begun(
    small_api: ApiProcess, gate: threading.Event, visiting: Visiting
) -> None:
    visit = visiting(small_api.url)
    visit.choose(*[(f"{at}.jpg", jpeg()) for at in range(8)])
    expect(visit.page.locator(".tile[data-state=running]")).to_have_count(1)
    expect(visit.page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "12")
    visit.page.get_by_role("button", name="Cancel").click()
    expect(visit.page.locator(".tile[data-state=cancelled]")).to_have_count(6)
    gate.set()
    visit.wait_text("#batch-line", "2 classified · 6 cancelled")
    visit.page.get_by_role("button", name="Start over").click()
    expect(visit.page.get_by_text("Drop a photo here")).to_be_visible()
