"""The list of recent batches, to come back to."""

import time

import httpx
import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import KEY, Visiting
from tests.support.api_process import ApiProcess
from tests.support.browser import PHONE, Visit
from tests.support.photos import jpeg
from tests.support.played_worker import PlayedWorker
from tests.support.served import eventually

EVERYONE = "everyone sees all batches"


def send(visit: Visit, number: int) -> None:
    """A batch, classified, and the page as at the start again."""
    visit.choose(*[(f"{at}.jpg", jpeg()) for at in range(number)])
    visit.wait_text("#batch-line", f"{number} classified")
    visit.page.get_by_role("button", name="Start over").click()


def late(route: Route) -> None:
    """As on a connection on which the job that was asked for first is answered last."""
    time.sleep(1)
    route.continue_()


def lines(visit: Visit, number: int) -> list[str]:
    """The lines of the list once it has so many: number of photos, outcome."""
    listed = visit.page.locator("#recent-list a")
    expect(listed).to_have_count(number)
    return [
        f"{line.locator('strong').inner_text()}: {line.locator('span').inner_text()}"
        for line in listed.all()
    ]


@pytest.mark.usefixtures("worker")
def test_a_batch_can_be_opened_again(small_api: ApiProcess, visiting: Visiting) -> None:
    visit = visiting(small_api.url)
    visit.wait_text("#service-word", "Ready")
    expect(visit.page.get_by_role("heading", name="Recent batches")).to_be_hidden()
    send(visit, 2)
    send(visit, 3)
    assert lines(visit, 2) == ["3 photos: 3 classified", "2 photos: 2 classified"]
    visit.page.reload()
    assert lines(visit, 2) == ["3 photos: 3 classified", "2 photos: 2 classified"]
    assert EVERYONE in visit.text("#recent")
    visit.assert_accessible()
    older = visit.page.get_by_role("link", name="2 photos")
    older.focus()
    visit.page.keyboard.press("Enter")
    visit.wait_text("#batch-title", "2 photos")
    expect(visit.page.locator("#recent")).to_be_hidden()
    visit.page.go_back()
    assert len(lines(visit, 2)) == 2
    visit.page.go_forward()
    visit.wait_text("#batch-line", "2 classified")


@pytest.mark.usefixtures("worker")
def test_a_batch_of_several_jobs_is_one_line_where_it_was_sent(
    small_api: ApiProcess, visiting: Visiting
) -> None:
    visit = visiting(small_api.url)
    send(visit, 12)
    assert lines(visit, 1) == ["12 photos: 12 classified"]
    elsewhere = visiting(small_api.url, size=PHONE)
    assert sorted(lines(elsewhere, 2)) == ["10 photos: 10 classified", "2 photos: 2 classified"]
    link = visit.page.locator("#recent-list a")
    first = (link.get_attribute("href") or "").strip("#").split(",")[0]
    visit.page.route(f"**/jobs/{first}*", late)
    link.click()
    visit.wait_text("#batch-line", "12 classified")
    expect(visit.page.locator(".tile")).to_have_count(12)
    names = [name.split(":")[0] for name in visit.page.eval_on_selector_all(
        ".tile", "(tiles) => tiles.map((tile) => tile.ariaLabel)")]  # fmt: skip
    assert names == [f"{at}.jpg" for at in range(12)]


def test_a_batch_that_is_not_finished(
    small_api: ApiProcess, worker: PlayedWorker, visiting: Visiting
) -> None:
    files = [("files", (f"{at}.jpg", jpeg())) for at in range(4)]
    done = small_api.client.post("/jobs", files=files).json()["job_id"]
    eventually(lambda: small_api.client.get(f"/jobs/{done}").json()["status"] == "completed", 20)
    worker.answer = lambda _: None
    small_api.client.post("/jobs", files=files[:1])
    visit = visiting(small_api.url)
    assert lines(visit, 2) == ["1 photo: 1 photo waiting", "4 photos: 4 classified"]
    visit.page.locator("#recent-list a").first.click()
    visit.wait_text("#batch-title", "1 photo")
    expect(visit.page.get_by_role("button", name="Cancel")).to_be_visible()


def test_with_keys_only_ones_own_batches_are_listed(
    keyed_api: ApiProcess, visiting: Visiting
) -> None:
    with PlayedWorker(keyed_api.redis_url):
        headers = {"authorization": f"Bearer {KEY}"}
        httpx.post(
            f"{keyed_api.url}/jobs", files=[("files", ("a.jpg", jpeg()))], headers=headers
        ).raise_for_status()
        visit = visiting(keyed_api.url, expected=[401, 503])
        visit.wait_text("#service-word", "API key required")
        expect(visit.page.locator("#recent")).to_be_hidden()
        visit.page.get_by_label("API key").fill(KEY)
        visit.page.keyboard.press("Enter")
        assert len(lines(visit, 1)) == 1
        assert EVERYONE not in visit.text("#recent")


@pytest.mark.usefixtures("worker")
def test_a_photo_by_itself_hides_the_list(small_api: ApiProcess, visiting: Visiting) -> None:
    visit = visiting(small_api.url)
    send(visit, 2)
    lines(visit, 1)
    visit.choose(("cat.jpg", jpeg()))
    visit.labels()
    expect(visit.page.locator("#recent")).to_be_hidden()


@pytest.mark.usefixtures("worker")
def test_a_list_that_was_spoiled_by_hand_does_no_harm(
    small_api: ApiProcess, visiting: Visiting
) -> None:
    visit = visiting(small_api.url)
    for spoiled in ("{", "7", '[1, "a", null]'):
        visit.page.evaluate("(text) => localStorage.setItem('batches', text)", spoiled)
        visit.page.reload()
        send(visit, 2)
    assert lines(visit, 3) == ["2 photos: 2 classified"] * 3
