"""Browsers that refuse or lack something that the page would use."""

import json
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.browser.conftest import KEY, Visiting
from tests.support.api_process import ApiProcess
from tests.support.browser import CHROMIUM, FLAGS, Visit
from tests.support.photos import jpeg
from tests.support.played_worker import PlayedWorker
from tests.support.served import eventually

BLOCKED = 2


class WithoutSiteData:
    """A browser whose user blocks all site data; it opens one window."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        content = {"cookies": BLOCKED}
        preferences = {"profile": {"default_content_setting_values": content}}
        (folder / "Default").mkdir(parents=True)
        (folder / "Default" / "Preferences").write_text(json.dumps(preferences))
        self._launch, self._folder = browser.browser_type.launch_persistent_context, folder

    def new_context(self, **options: object) -> BrowserContext:
        return self._launch(self._folder, executable_path=CHROMIUM, args=FLAGS, **options)  # type: ignore[arg-type]


def classifies(visit: Visit) -> None:
    visit.wait_text("#service-word", "Ready")
    visit.choose(("cat.jpg", jpeg()))
    assert len(visit.labels()) == 3
    visit.choose(("one.jpg", jpeg()), ("two.jpg", jpeg()))
    visit.wait_text("#batch-line", "2 classified")


@pytest.mark.usefixtures("worker")
def test_the_page_works_where_site_data_is_blocked(
    browser: Browser, small_api: ApiProcess, tmp_path: Path
) -> None:
    visit = Visit(WithoutSiteData(browser, tmp_path / "profile"), small_api.url)
    assert (
        visit.page.evaluate("() => { try { return !sessionStorage; } catch { return 'throws'; } }")
        == "throws"
    )
    classifies(visit)
    visit.close()


def test_a_key_is_kept_for_the_visit_where_site_data_is_blocked(
    browser: Browser, keyed_api: ApiProcess, tmp_path: Path
) -> None:
    profile = WithoutSiteData(browser, tmp_path / "profile")
    visit = Visit(profile, keyed_api.url, expected=[401, 503])
    visit.page.get_by_label("API key").fill(KEY)
    visit.page.keyboard.press("Enter")
    with PlayedWorker(keyed_api.redis_url):
        classifies(visit)
    visit.close()


@pytest.mark.parametrize(
    "missing",
    [
        "delete AbortSignal.any",
        "delete AbortSignal.timeout",
        "delete AbortSignal.prototype.throwIfAborted",
        "delete window.createImageBitmap",
        "delete ReadableStream.prototype.getReader",
        "delete Navigator.prototype.clipboard",
        "delete DataTransferItem.prototype.webkitGetAsEntry",
    ],
)
@pytest.mark.usefixtures("worker")
def test_the_page_works_without(small_api: ApiProcess, visiting: Visiting, missing: str) -> None:
    visit = visiting(small_api.url)
    visit.context.add_init_script(missing)
    visit.page.reload()
    classifies(visit)


@pytest.mark.parametrize(
    "missing",
    [
        "delete window.fetch",
        "delete HTMLDialogElement.prototype.showModal",
        "delete window.AbortController",
        "delete Array.prototype.at",
        "delete Blob.prototype.arrayBuffer",
        "delete window.CustomEvent",
        "delete String.prototype.replaceAll",
        "delete window.XMLHttpRequest",
        "delete URL.createObjectURL",
    ],
)
@pytest.mark.usefixtures("worker")
def test_a_missing_browser_feature_is_reported_at_the_start(
    small_api: ApiProcess, visiting: Visiting, missing: str
) -> None:
    visit = visiting(small_api.url)
    visit.context.add_init_script(missing)
    visit.page.reload()
    visit.wait_text("#alert", "This browser cannot run the page")
    assert missing.rsplit(".", maxsplit=1)[-1] in visit.text("#alert")
    assert "Update the browser" in visit.text("#alert")
    visit.forgive()


@pytest.mark.parametrize("later", ["setTimeout(fail)", "fail()"])
@pytest.mark.usefixtures("worker")
def test_a_failure_after_the_start_is_reported_once(
    small_api: ApiProcess, visiting: Visiting, later: str
) -> None:
    """An exception of the page's own code, by itself or in a promise."""
    visit = visiting(small_api.url)
    visit.wait_text("#service-word", "Ready")
    for _ in range(2):
        visit.page.evaluate(
            f"""() => void import("./static/page/dom.js").then(({{ setText }}) => {{
                const fail = () => setText(null, "x");
                {later};
            }})"""
        )
    visit.wait_text("#failure", "The page has failed")
    assert "Reload it" in visit.text("#failure")
    eventually(lambda: bool(visit.page.wait_for_timeout(50)) or len(visit.errors) == 2, 10)
    expect(visit.page.locator("#failure p")).to_have_count(1)
    visit.forgive()


@pytest.mark.usefixtures("worker")
def test_a_module_that_does_not_load_is_reported(small_api: ApiProcess, visiting: Visiting) -> None:
    visit = visiting(small_api.url, expected=["net::ERR_FAILED"])
    visit.page.route("**/static/page/format.js", lambda route: route.abort())
    visit.page.reload()
    visit.wait_text("#alert", "The page did not start")
    visit.forgive()


def test_without_scripts_the_page_says_what_it_needs(
    browser: Browser, small_api: ApiProcess
) -> None:
    with closing(browser.new_context(java_script_enabled=False)) as context:
        page = context.new_page()
        page.goto(small_api.url)
        expect(page.get_by_text("This page needs JavaScript")).to_be_visible()
