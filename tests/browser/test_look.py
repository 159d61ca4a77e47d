"""Dark mode, small screens, reduced motion, and the content security policy."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visiting
from tests.support.api_process import ApiProcess
from tests.support.browser import PHONE, Visit
from tests.support.photos import jpeg
from tests.support.served import Served


def background(visit: Visit) -> int:
    """Brightness of the page, 0 to 255."""
    colour = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
    return max(int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(","))


@pytest.mark.parametrize(("scheme", "bright"), [("light", True), ("dark", False)])
def test_light_and_dark_are_both_legible(
    visiting: Visiting, service: Served, photos: Path, scheme: str, bright: bool
) -> None:
    visit = visiting(service.url, color_scheme=scheme)
    assert (background(visit) > 128) is bright
    visit.assert_accessible()
    visit.drop([photos / "00 chelsea.jpg"])
    visit.labels()
    visit.assert_accessible()
    visit.drop([photos])
    visit.wait_text("#batch-line", "20 classified")


@pytest.mark.parametrize("width", [PHONE[0], 320])
def test_a_phone_shows_all_of_it_without_scrolling_sideways(
    visiting: Visiting, service: Served, photos: Path, width: int
) -> None:
    visit = visiting(service.url, size=(width, PHONE[1]), has_touch=True, is_mobile=True)

    def assert_fits() -> None:
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width

    assert_fits()
    words = visit.page.locator(".photo-empty .for-touch").bounding_box()
    line = visit.page.locator("#samples p").bounding_box()
    assert words
    assert line
    assert words["y"] + words["height"] <= line["y"]
    visit.wait_text("#service-word", "Ready")
    visit.drop([photos / "00 chelsea.jpg"])
    visit.labels()
    assert_fits()
    visit.assert_accessible()
    visit.page.reload()
    visit.drop([photos])
    visit.wait_text("#batch-line", "20 classified")
    assert_fits()
    visit.page.locator(".tile").first.click()
    assert_fits()


@pytest.mark.parametrize("width", [360, 320])
def test_the_longest_word_of_the_state_fits_on_a_phone(
    keyed_api: ApiProcess, visiting: Visiting, width: int
) -> None:
    size = (width, PHONE[1])
    visit = visiting(keyed_api.url, size=size, has_touch=True, is_mobile=True, expected=[401])
    visit.page.get_by_role("button", name="Not now").click()
    visit.wait_text("#service-word", "API key required")
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    expect(visit.page.get_by_role("link", name="Image classifier")).to_be_visible()


def test_a_phone_offers_its_camera_and_nothing_to_drop(visiting: Visiting, service: Served) -> None:
    visit = visiting(service.url, size=PHONE, has_touch=True, is_mobile=True)
    camera = visit.page.locator("#pick-camera")
    assert camera.get_attribute("capture") == "environment"
    expect(visit.page.get_by_text("Take a photo", exact=True)).to_be_visible()
    expect(visit.page.get_by_text("Choose a folder")).not_to_be_visible()
    assert "Drop" not in visit.text("main")
    camera.set_input_files({"name": "a.jpg", "mimeType": "image/jpeg", "buffer": jpeg()})
    assert len(visit.labels()) >= 1


def test_reduced_motion_means_no_animation(
    visiting: Visiting, service: Served, photos: Path
) -> None:
    visit = visiting(service.url, reduced_motion="reduce")
    visit.drop([photos / "00 chelsea.jpg"])
    visit.labels()
    assert visit.page.evaluate("document.getAnimations().length") == 0


def test_the_content_security_policy_blocks_foreign_scripts_styles_and_requests(
    visit: Visit,
) -> None:
    refused = visit.page.evaluate(
        """async () => {
            const refused = [];
            addEventListener("securitypolicyviolation", (event) => {
                refused.push(event.effectiveDirective);
            });
            const script = document.createElement("script");
            try { script.textContent = "window.ran = true"; } catch { refused.push("text"); }
            document.body.append(script);
            document.body.setAttribute("style", "margin: 1px");
            await fetch("https://example.org/").catch(() => {});
            await new Promise((resume) => setTimeout(resume, 200));
            return [refused, window.ran ?? null, getComputedStyle(document.body).margin];
        }"""
    )
    directives, ran, margin = refused
    assert ran is None
    assert margin == "0px"
    assert {"style-src-attr", "connect-src"} <= set(directives)
    visit.errors.clear()
    visit.asked.clear()
