"""Many photos on the page: progress, tiles, filters, one in large, jobs of an earlier visit."""

import csv
import json
from pathlib import Path

import httpx
from playwright.sync_api import expect

from tests.support.browser import Visit

PHOTOS = 21


def dropped(visit: Visit, photos: Path) -> Visit:
    visit.drop([photos])
    visit.wait_text("#batch-line", "20 classified · 1 failed")
    return visit


def test_a_dropped_folder_fills_in_and_says_what_failed(visit: Visit, photos: Path) -> None:
    visit.page.evaluate(
        """() => {
            window.seen = [];
            new MutationObserver(() => window.seen.push(Number(progress.ariaValueNow)))
                .observe(progress, { attributeFilter: ["aria-valuenow"] });
        }"""
    )
    dropped(visit, photos)
    seen = visit.page.evaluate("window.seen")
    assert seen == sorted(seen)
    assert seen[-1] == 100
    assert visit.text("#batch-title") == f"{PHOTOS} photos"
    assert visit.text("#alert summary") == "Left out: 1 file"
    visit.page.locator("#alert summary").click()
    reason, path = visit.text("#alert li").split("\n\n")
    assert reason == "Not a photo."
    assert path.endswith("/notes.txt")
    tiles = visit.page.locator(".tile")
    assert tiles.count() == PHOTOS
    assert visit.page.locator(".tile[data-state=succeeded]").count() == PHOTOS - 1
    expect(visit.page.locator("canvas[data-state=drawn]").first).to_be_visible()
    assert visit.text("#say") == "Done: 20 classified · 1 failed"
    assert visit.page.locator("#filter output, #filter [aria-live]").count() == 0
    command = visit.text("#curl")
    assert "-F 'files=@\"00 chelsea.jpg\"'" in command
    assert "*" not in command.splitlines()[0], "it sends what was not dropped"


def test_the_filter_finds_failures_and_labels(visit: Visit, photos: Path) -> None:
    dropped(visit, photos)
    tiles = visit.page.locator(".tile")
    visit.page.locator("#filter label", has_text="Failed").click()
    expect(tiles).to_have_count(1)
    assert tiles.first.get_attribute("aria-label") == "broken.jpg: Cannot be read"
    assert "broken.jpg" in tiles.first.inner_text()
    visit.wait_text("#say", "1 of 21 photos shown")
    visit.page.locator("#filter label", has_text="Classified").click()
    visit.page.get_by_label("Filter by label or file name").fill("espresso")
    expect(tiles).to_have_count(5)
    visit.page.get_by_label("Filter by label or file name").fill("no such thing")
    expect(visit.page.get_by_text("No photo matches.")).to_be_visible()


def test_a_tile_opens_large_and_arrow_keys_step_on(visit: Visit, photos: Path) -> None:
    dropped(visit, photos)
    visit.page.locator(".tile").first.focus()
    visit.page.keyboard.press("Enter")
    assert visit.text("#detail-title") == "00 chelsea.jpg"
    assert visit.page.locator("#detail-answer .label").count() == 3
    visit.assert_accessible()
    visit.page.keyboard.press("ArrowRight")
    assert visit.text("#detail-title") == "01 coffee.jpg"
    visit.page.get_by_role("button", name="Show why").click()
    visit.page.get_by_role("button", name="Hide heat map").press("Enter")
    expect(visit.page.locator("#detail .heat-map")).not_to_be_visible()
    visit.page.locator("#detail-previous").press("Enter")
    assert visit.text("#detail-title") == "00 chelsea.jpg"
    assert visit.page.evaluate("document.activeElement.id") == "detail-previous"
    visit.page.keyboard.press("Escape")
    expect(visit.page.locator("#detail")).not_to_be_visible()
    assert visit.page.evaluate("document.activeElement.className") == "tile"


def test_a_reload_finds_the_batch_again(visit: Visit, photos: Path) -> None:
    dropped(visit, photos)
    visit.page.reload()
    visit.wait_text("#batch-line", "20 classified · 1 failed")
    first = visit.page.locator(".tile").first
    assert first.get_attribute("aria-label").startswith("00 chelsea.jpg: ")  # type: ignore[union-attr]


def test_an_expired_link_says_so(visit: Visit) -> None:
    visit.expected = {404}
    visit.page.evaluate("location.hash = '0'.repeat(32)")
    visit.page.reload()
    visit.wait_text("#trouble", "These results are no longer available")
    assert "keeps trying" not in visit.text("#trouble")
    expect(visit.page.get_by_role("button", name="Save CSV")).to_be_disabled()


def test_the_results_are_saved_as_csv_and_json(visit: Visit, photos: Path) -> None:
    dropped(visit, photos)
    labels = visit.page.locator(".tile-label").all_inner_texts()

    def saved(button: str) -> str:
        with visit.page.expect_download() as download:
            visit.page.get_by_role("button", name=button).click()
        return download.value.path().read_text("utf-8")

    text = saved("Save CSV")
    assert text.startswith("\ufeff"), "without it a spreadsheet misreads every umlaut"
    *rows, left_out = csv.DictReader(text.removeprefix("\ufeff").splitlines())
    assert [row["concept"] or row["label_1"] for row in rows] == [*labels[:-1], ""]
    assert rows[-1]["path"] == f"{photos.name}/broken.jpg"
    assert rows[-1]["error"] == "invalid_image"
    assert left_out["path"] == f"{photos.name}/notes.txt"
    assert (left_out["status"], left_out["detail"]) == ("left_out", "Not a photo.")
    items = json.loads(saved("Save JSON"))["items"]
    results = f"{visit.url}/jobs/{visit.page.url.partition('#')[2]}/results"
    assert items == httpx.get(results, trust_env=False).json()["items"]
    theirs = httpx.get(results, params={"format": "csv"}, trust_env=False).text
    assert [without_path(row) for row in rows] == [
        without_path(row) for row in csv.DictReader(theirs.splitlines())
    ]


def without_path(row: dict[str, str]) -> list[str]:
    """The page knows a photo's folder, the service only its name."""
    return [value for name, value in row.items() if name not in {"path", "filename"}]
