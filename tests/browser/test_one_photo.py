"""One photo on the page: every way in, the answer, the words when it is none, the command."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Locator

from tests.support.browser import Visit
from tests.support.photos import CATS, jpeg
from tests.support.served import Served


def test_a_dropped_photo_is_shown_with_three_bars_and_the_time(
    visit: Visit, service: Served, photos: Path
) -> None:
    visit.drop([photos / "00 chelsea.jpg"])
    labels = visit.labels()
    expected = service.predict().json()["predictions"]
    assert labels == [one["label"] for one in expected]
    assert expected[0]["class_index"] in CATS
    shares = visit.page.locator("#answer .share").all_inner_texts()
    assert shares == [f"{one['confidence'] * 100:.1f} %" for one in expected]
    bars = visit.page.eval_on_selector_all(
        "#answer .fill",
        """async (fills) => {
            await Promise.all(document.getAnimations().map((each) => each.finished));
            return fills.map((fill) => fill.getBoundingClientRect().width
                / fill.parentElement.getBoundingClientRect().width);
        }""",
    )
    assert all(abs(bar - one["confidence"]) < 0.01 for bar, one in zip(bars, expected, strict=True))
    assert re.fullmatch(r"[\d.]+ m?s", visit.text("#answer .timing strong"))
    assert visit.page.eval_on_selector("#photo img", "(image) => image.naturalWidth") == 451
    assert labels[0] in visit.text("#say")


def test_a_pasted_picture_is_classified(visit: Visit) -> None:
    visit.paste(visit.page.screenshot())
    assert len(visit.labels()) == 3


def test_the_command_that_is_copied_does_the_same(visit: Visit, photos: Path) -> None:
    visit.drop([photos / "00 chelsea.jpg"])
    labels = visit.labels()
    visit.page.get_by_role("button", name="Copy").click()
    visit.wait_text("#copy", "Copied")
    command = visit.page.evaluate("navigator.clipboard.readText()")
    run = subprocess.run(
        ["sh", "-c", command], cwd=photos, capture_output=True, check=True, timeout=60
    )
    assert [one["label"] for one in json.loads(run.stdout)["predictions"]] == labels


def test_what_is_no_photo_is_told_in_plain_words(visit: Visit) -> None:
    visit.expected = {415, 422}
    visit.choose(("holiday.jpg", b"GIF89a" + bytes(100)))
    visit.wait_text("#answer .problem h2", "Not a JPEG or PNG")
    assert "JPEG" in visit.text("#answer .problem h2 + p")
    assert "cannot be shown" in visit.text("#photo")
    visit.choose(("half.jpg", jpeg()[:4000]))
    visit.wait_text("#answer .problem h2", "Cannot be read")
    assert visit.text("#say").startswith("Cannot be read. ")
    visit.choose(("cat.jpg", jpeg()))
    assert len(visit.labels()) == 3


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
    visit.page.get_by_label("Strength of the heat map").fill("0.25")
    visit.page.wait_for_function(
        "() => Number(getComputedStyle(document.querySelector('.heat-map')).opacity) === 0.25"
    )
    visit.page.get_by_label("Class of the heat map").select_option(labels[2])
    assert painted(visit.page.get_by_role("img", name=f"sees {labels[2]}")) != first
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


def test_the_keyboard_is_enough(visit: Visit) -> None:
    page = visit.page
    # a listener alone makes Chromium keep its dialog back, and it takes a while to: not at the key
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
    assert len(visit.labels()) == 3
    tab_to("Copy")
    page.keyboard.press("Enter")
    visit.wait_text("#copy", "Copied")
