"""Finding photos in a batch: by words, and page by page."""

import pytest
from playwright.sync_api import expect

from shared.messages import ItemResult, Prediction
from shared.records.items import StartedItem
from tests.browser.conftest import Visiting
from tests.support.api_process import ApiProcess
from tests.support.browser import Visit
from tests.support.photos import jpeg
from tests.support.played_worker import MODEL, PlayedWorker, succeed

LABELS = ["oystercatcher", "catamaran", "Egyptian cat", "tiger cat", "American alligator"]
NAMES = ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "IMG_2041 cat food.jpg"]


@pytest.fixture
def animals(small_api: ApiProcess, worker: PlayedWorker, visiting: Visiting) -> Visit:
    """A batch of five photos whose labels have letters in common."""

    def answer(item: StartedItem) -> ItemResult:
        label = LABELS[item.ref.index]
        best = Prediction(label=label, class_index=item.ref.index, confidence=0.9986)
        return ItemResult(predictions=[best], model=MODEL, timing_ms=succeed(item).timing_ms)

    worker.answer = answer
    visit = visiting(small_api.url)
    visit.choose(*[(name, jpeg()) for name in NAMES])
    visit.wait_text("#batch-line", "5 classified")
    return visit


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("cat", ["c.jpg", "d.jpg", "IMG_2041 cat food.jpg"]),
        ("CAT ", ["c.jpg", "d.jpg", "IMG_2041 cat food.jpg"]),
        ("cata", ["b.jpg"]),
        ("catcher", ["a.jpg"]),
        ("egyptian cat", ["c.jpg"]),
        ("2041", ["IMG_2041 cat food.jpg"]),
        ("dog", []),
    ],
)
def test_the_filter_finds_whole_words_first(animals: Visit, query: str, found: list[str]) -> None:
    animals.page.get_by_label("Filter by label or file name").press_sequentially(query)
    tiles = animals.page.locator(".tile")
    expect(tiles).to_have_count(len(found))
    assert [each.split(": ")[0] for each in labels_of(animals)] == found


def labels_of(visit: Visit) -> list[str]:
    found: list[str] = visit.page.eval_on_selector_all(
        ".tile", "(tiles) => tiles.map((tile) => tile.ariaLabel)"
    )
    return found


def test_a_tile_shows_its_label_in_full(animals: Visit) -> None:
    assert animals.page.locator(".tile-label").all_inner_texts() == LABELS
    cut = animals.page.eval_on_selector_all(
        ".tile-label",
        "(labels) => labels.filter((each) => each.scrollWidth > each.clientWidth).length",
    )
    assert cut == 0
    assert animals.page.locator(".tile-share").first.inner_text() == "99.9%"


@pytest.mark.parametrize(("photos", "pages"), [(100, 1), (120, 1), (121, 2)])
@pytest.mark.usefixtures("worker")
def test_a_few_photos_more_do_not_make_another_page(
    small_api: ApiProcess, visiting: Visiting, photos: int, pages: int
) -> None:
    visit = visiting(small_api.url, expected=[503])
    visit.choose(*[(f"{at}.jpg", jpeg()) for at in range(photos)])
    tiles = visit.page.locator(".tile")
    expect(tiles).to_have_count(photos if pages == 1 else 96)
    if pages == 1:
        expect(visit.page.locator("#pager")).not_to_be_visible()
    else:
        visit.page.get_by_role("button", name="Next").click()
        expect(tiles).to_have_count(photos - 96)
    visit.wait_text("#batch-line", f"{photos} classified")
