"""One photo on the page: how it gets there, the result, errors, the heat map, the command."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.support.browser import Visit
from tests.support.photos import CATS, jpeg
from tests.support.served import Served


def test_a_dropped_photo_is_shown_with_bars_and_the_time(
    visit: Visit, service: Served, photos: Path
) -> None:
    visit.drop([photos / "00 chelsea.jpg"])
    labels = visit.labels()
    answer = service.predict().json()
    expected = answer["predictions"]
    concept = [answer["concept"]["label"]] if "concept" in answer else []
    assert visit.page.locator("#answer > .concept:first-child strong").all_inner_texts() == concept
    assert labels == [one["label"] for one in expected if one["confidence"] >= 0.01]
    assert expected[0]["class_index"] in CATS
    shares = visit.page.locator("#answer .bars .share").all_inner_texts()
    shown = [one for one in expected if one["confidence"] >= 0.01]
    assert shares[1:] == [f"{one['confidence'] * 100:.1f}%" for one in shown[1:]]
    bars = visit.page.eval_on_selector_all(
        "#answer .fill",
        """async (fills) => {
            await Promise.all(document.getAnimations().map((each) => each.finished));
            return fills.map((fill) => fill.getBoundingClientRect().width
                / fill.parentElement.getBoundingClientRect().width);
        }""",
    )
    assert all(abs(bar - one["confidence"]) < 0.01 for bar, one in zip(bars, shown, strict=True))
    assert re.fullmatch(r"[\d.]+ m?s", visit.text("#answer .timing strong"))
    assert visit.page.eval_on_selector("#photo img", "(image) => image.naturalWidth") == 451
    assert labels[0] in visit.text("#say")


def test_a_pasted_picture_is_classified(visit: Visit) -> None:
    visit.paste(visit.page.screenshot())
    assert visit.labels()


def test_the_command_that_is_copied_does_the_same(visit: Visit, photos: Path) -> None:
    visit.drop([photos / "00 chelsea.jpg"])
    labels = visit.labels()
    visit.page.get_by_role("button", name="Copy").click()
    visit.wait_text("#copy", "Copied")
    command = visit.page.evaluate("navigator.clipboard.readText()")
    run = subprocess.run(
        ["sh", "-c", command], cwd=photos, capture_output=True, check=True, timeout=60
    )
    predictions = json.loads(run.stdout)["predictions"]
    assert [one["label"] for one in predictions][: len(labels)] == labels


def test_a_file_that_is_not_a_photo_gets_a_plain_error(visit: Visit) -> None:
    visit.expected = {415, 422}
    visit.choose(("holiday.jpg", b"GIF89a" + bytes(100)))
    visit.wait_text("#answer .problem h2", "Not a JPEG or PNG")
    assert "JPEG" in visit.text("#answer .problem h2 + p")
    assert "cannot be shown" in visit.text("#photo")
    visit.choose(("half.jpg", jpeg()[:4000]))
    visit.wait_text("#answer .problem h2", "Cannot be read")
    assert visit.text("#say").startswith("Cannot be read. ")
    visit.choose(("cat.jpg", jpeg()))
    assert visit.labels()


def test_the_map_of_a_class_lies_over_what_the_model_saw(visit: Visit, photos: Path) -> None:
    visit.wait_text("#service-word", "Ready")
    visit.drop([photos / "00 chelsea.jpg"])
    labels = visit.labels()
    visit.page.get_by_role("button", name="Show why").click()
    heat = visit.page.get_by_role("img", name=f"Where the model sees {labels[0]}")
    first = painted(heat)
    # chelsea is 451 by 300; the crop is the middle of the photo, 224 / 256 of the shorter side for
    # one recipe, 224 / 232 for the other
    frame, crop = (visit.page.locator(at).bounding_box() for at in ("#photo", ".heat-map"))
    assert frame is not None
    assert crop is not None
    assert crop["width"] == pytest.approx(crop["height"], abs=1)
    shown = frame["width"] * 300 / 451
    assert any(crop["height"] == pytest.approx(shown * 224 / side, abs=2) for side in (256, 232))
    assert crop["x"] - frame["x"] == pytest.approx((frame["width"] - crop["width"]) / 2, abs=1)
    assert visit.text("#curl").endswith("/predict?explain=true'")
    assert "The model looks only at the middle square." in visit.text("#answer")
    visit.page.get_by_role("button", name="Hide heat map").click()
    expect(heat).not_to_be_visible()
    visit.page.get_by_role("button", name=f"Show where the model sees {labels[1]}").click()
    assert painted(visit.page.get_by_role("img", name=f"sees {labels[1]}")) != first
    visit.page.get_by_role("button", name="Hide heat map").click()
    visit.page.get_by_role("button", name="Show heat map").click()
    visit.assert_accessible()
    visit.drop([photos / "01 coffee.jpg"])
    visit.wait_text("#answer .label", "espresso")
    assert visit.page.locator(".heat-map").count() == 0


def painted(canvas: Locator) -> str:
    """The map's pixels, which are not all alike."""
    pixels: list[int] = canvas.evaluate(
        """(canvas) => {
            const copy = new OffscreenCanvas(224, 224)
                .getContext("2d", { willReadFrequently: true });
            copy.drawImage(canvas, 0, 0);
            return [...copy.getImageData(0, 0, 224, 224).data];
        }"""
    )
    assert len(set(pixels[3::4])) > 50
    return str(pixels)


def test_the_keyboard_is_enough_to_classify_a_photo(visit: Visit) -> None:
    page = visit.page
    # with a listener Chromium shows no dialog, and that takes a while: so not at the key press
    page.on("filechooser", lambda _: None)

    def tab_to(name: str) -> None:
        for _ in range(20):
            page.keyboard.press("Tab")
            if page.evaluate(
                """(name) => {
                    const at = document.activeElement;
                    return (at.labels?.[0] ?? at).textContent.trim().startsWith(name);
                }""",
                name,
            ):
                break
        outlined = page.evaluate(
            """() => {
                const at = document.activeElement;
                return [at, at.closest("label")].some((each) => each
                    && getComputedStyle(each).outlineStyle === "solid");
            }"""
        )
        assert outlined, f"{name} has the focus, and nothing shows it"

    tab_to("Skip to the photos")
    page.keyboard.press("Enter")
    tab_to("Choose photos")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    file = {"name": "cat.jpg", "mimeType": "image/jpeg", "buffer": jpeg()}
    chooser.value.set_files(file)  # type: ignore[arg-type]
    assert visit.labels()
    tab_to("Copy")
    page.keyboard.press("Enter")
    visit.wait_text("#copy", "Copied")


def test_a_sample_is_classified_and_its_command_works(visit: Visit, tmp_path: Path) -> None:
    visit.page.get_by_role("button", name="A cup of coffee").click()
    assert visit.labels()[0] == "espresso"
    expect(visit.page.locator("#samples")).not_to_be_visible()
    command = visit.text("#curl")
    run = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, capture_output=True, check=True, timeout=60
    )
    assert json.loads(run.stdout)["predictions"][0]["label"] == "espresso"


def test_percentages_are_never_rounded_to_certainty(visit: Visit) -> None:
    texts = visit.page.evaluate(
        """async () => {
            const { percent, roundPercent } = await import("./static/page/format.js");
            const shares = [1, 0.99999, 0.9986, 0.9949, 0.5, 0.0051, 0.0004];
            return [shares.map(percent), shares.map(roundPercent)];
        }"""
    )
    assert texts == [
        [">99.9%", ">99.9%", "99.9%", "99.5%", "50.0%", "0.5%", "<0.1%"],
        [">99.9%", ">99.9%", "99.9%", "99%", "50%", "1%", "<1%"],
    ]
