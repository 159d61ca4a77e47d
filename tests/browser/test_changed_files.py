"""Files that change or go between the choice and the upload fail by themselves."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from shared.messages import ItemResult
from shared.records.items import StartedItem
from tests.browser.conftest import SMALL, Visiting
from tests.support.api_process import ApiProcess
from tests.support.browser import Visit
from tests.support.photos import jpeg
from tests.support.played_worker import PlayedWorker, succeed

QUEUE = int(SMALL["MAX_QUEUED_ITEMS"])
UNREADABLE = ["net::ERR_UPLOAD_FILE_CHANGED", "net::ERR_FILE_NOT_FOUND", "net::ERR_ACCESS_DENIED"]


def change(path: Path) -> None:
    path.write_bytes(jpeg("coffee"))
    os.utime(path, (1_000_000_000, 1_000_000_000))


def cut(path: Path) -> None:
    path.write_bytes(jpeg()[:1000])


def replace_by_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


SPOILED: list[Callable[[Path], None]] = [change, Path.unlink, cut, replace_by_a_folder]


@pytest.fixture
def chosen(tmp_path: Path) -> list[Path]:
    """Five photos on the disk."""
    paths = [tmp_path / f"{at}.jpg" for at in range(1, 6)]
    for path in paths:
        path.write_bytes(jpeg())
    return paths


def choose_behind_a_full_queue(visit: Visit, chosen: list[Path]) -> None:
    """The photos cannot be sent yet, so that there is time to change the files."""
    visit.choose(*[(f"before-{at}.jpg", jpeg()) for at in range(QUEUE)])
    expect(visit.page.locator(".tile[data-state=waiting], [data-state=sending]")).to_have_count(0)
    visit.page.set_input_files("#pick", chosen)
    visit.wait_text("#trouble", "Many photos are waiting")


@pytest.fixture
def gate(worker: PlayedWorker) -> Iterator[threading.Event]:
    """The worker answers once this is set."""
    gate = threading.Event()

    def answer(item: StartedItem) -> ItemResult:
        gate.wait()
        return succeed(item)

    worker.answer = answer
    yield gate
    gate.set()


@pytest.mark.parametrize("spoil", SPOILED)
def test_one_of_a_batch_fails_and_the_others_are_classified(
    small_api: ApiProcess,
    gate: threading.Event,
    visiting: Visiting,
    chosen: list[Path],
    spoil: Callable[[Path], None],
) -> None:
    visit = visiting(small_api.url, expected=[503, *UNREADABLE])
    choose_behind_a_full_queue(visit, chosen)
    spoil(chosen[2])
    gate.set()
    visit.wait_text("#batch-line", f"{QUEUE + 4} classified · 1 failed")
    failed = visit.page.locator(".tile[data-state=failed]")
    assert failed.get_attribute("aria-label") == "3.jpg: The file has changed"
    failed.click()
    assert "Choose it again" in visit.text("#detail-answer .problem h2 + p")
    visit.page.keyboard.press("Escape")
    assert visit.text("#trouble") == ""
    assert visit.page.get_by_role("button", name="Send failed ones again").count() == 0


def test_a_batch_of_files_that_are_all_gone_ends(
    small_api: ApiProcess, gate: threading.Event, visiting: Visiting, chosen: list[Path]
) -> None:
    visit = visiting(small_api.url, expected=[503, *UNREADABLE])
    choose_behind_a_full_queue(visit, chosen)
    for path in chosen:
        path.unlink()
    gate.set()
    visit.wait_text("#batch-line", f"{QUEUE} classified · 5 failed")


@pytest.mark.parametrize("spoil", SPOILED)
def test_a_photo_by_itself_fails_with_the_reason(
    small_api: ApiProcess, visiting: Visiting, chosen: list[Path], spoil: Callable[[Path], None]
) -> None:
    visit = visiting(small_api.url, expected=[503, *UNREADABLE])
    visit.page.set_input_files("#pick", chosen[0])
    visit.wait_text("#answer .countdown", "Trying again in ")
    spoil(chosen[0])
    visit.wait_text("#answer .problem h2", "The file has changed")
    expect(visit.page.get_by_role("button", name="Choose another photo")).to_be_visible()
