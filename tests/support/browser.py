"""A real headless Chromium, and visits of the page with it."""

import base64
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

# the path of Debian's package; the environment can name another browser
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESKTOP, PHONE = (1280, 860), (375, 740)
_FAILED = re.compile(
    r"Failed to load resource: (?:the server responded with a status of (\d+)|(net::\w+))"
)
# Layout shifts without user input, with the browser's score and the element. Elements below the
# tiles may move down when a drop adds tiles.
_SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const { hadRecentInput, sources } of list.getEntries()) {
    if (hadRecentInput) continue;
    for (const { node, previousRect: from, currentRect: to } of sources) {
      if (node?.closest?.("footer, #shell")) continue;
      const area = from.width * from.height + to.width * to.height;
      const distance = Math.max(Math.abs(from.x - to.x), Math.abs(from.y - to.y));
      const share = area / (innerWidth * innerHeight);
      const score = share * distance / Math.max(innerWidth, innerHeight);
      window.shifts.push([score, node?.id || node?.className || node?.nodeName]);
    }
  }
}).observe({ type: "layout-shift", buffered: true });
"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser for many visits."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class Visit:
    """A browser tab with the page that records console errors, requests and layout shifts.

    Args:
        browser: The browser.
        url: The URL of the service.
        size: Width and height of the window in CSS pixels.
        expected: Failures that the test provokes, as in the browser's console: an HTTP status, or
            the name of a network error, such as ``net::ERR_FAILED``.
        options: Options of Playwright's ``new_context``.
    """

    def __init__(
        self,
        browser: Browser,
        url: str,
        size: tuple[int, int] = DESKTOP,
        expected: Sequence[int | str] = (),
        **options: Any,
    ) -> None:
        self.url = url
        self.errors: list[str] = []
        self.asked: list[str] = []
        self.expected: set[int | str] = set(expected)
        viewport = {"width": size[0], "height": size[1]}
        self.context = browser.new_context(viewport=viewport, **options)  # type: ignore[arg-type]
        self.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=url)
        self.context.add_init_script(_SHIFTS)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(60_000)
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(url)

    def forgive(self) -> None:
        """Discard the errors and shifts so far, because the test caused them."""
        self.errors.clear()
        self.page.evaluate("window.shifts.length = 0")

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type not in {"error", "warning"}:
            return
        failed = _FAILED.match(message.text)
        reason = failed and (int(failed[1]) if failed[1] else failed[2])
        if reason not in self.expected:
            self.errors.append(f"{message.type}: {message.text}")

    def close(self) -> None:
        """Close the tab; fails after accessibility problems, shifts, errors or foreign requests."""
        try:
            self.assert_accessible()
            shifts = self.page.evaluate("window.shifts")
            assert sum(value for value, _ in shifts) < 0.02, shifts
            assert self.errors == [], self.errors
            strangers = [url for url in self.asked if not url.startswith((self.url, "blob:"))]
            assert strangers == [], strangers
        finally:
            self.context.close()

    def assert_accessible(self) -> None:
        """Fail if axe finds a serious or critical accessibility problem."""
        self.settle()
        found = Axe().run(self.page).response["violations"]
        bad = [
            (one["id"], [node["html"] for node in one["nodes"]])
            for one in found
            if one["impact"] in {"serious", "critical"}
        ]
        assert bad == [], bad

    def settle(self) -> None:
        """Wait until all animations are finished and every visible thumbnail is drawn."""
        self.page.wait_for_function(
            """() => document.getAnimations().every((each) => each.playState === "finished"
                || each.effect.getTiming().iterations === Infinity)
                && [...document.querySelectorAll("#grid canvas:not([data-state])")]
                    .every((each) => !each.checkVisibility()
                        || each.getBoundingClientRect().top > innerHeight)"""
        )

    def choose(self, *photos: tuple[str, bytes]) -> None:
        """Choose files with the file input."""
        files = [{"name": name, "mimeType": "image/jpeg", "buffer": data} for name, data in photos]
        self.page.set_input_files("#pick", files)  # type: ignore[arg-type]

    def drop(self, paths: Sequence[Path]) -> None:
        """Drop files or folders on the page, with real drag events."""
        session = self.context.new_cdp_session(self.page)
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            event = {"type": kind, "x": 300, "y": 400, "data": data}
            session.send("Input.dispatchDragEvent", event)
        session.detach()

    def paste(self, png: bytes) -> None:
        """Put an image on the clipboard and press Ctrl-V."""
        self.page.evaluate(
            """async (text) => {
                const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
                const blob = new Blob([bytes], { type: "image/png" });
                await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
            }""",
            base64.b64encode(png).decode(),
        )
        self.page.keyboard.press("Control+V")

    def labels(self) -> list[str]:
        """The class labels of the result, most probable first."""
        self.page.wait_for_selector("#answer[data-state=done]")
        return self.page.locator("#answer .label").all_inner_texts()

    def text(self, selector: str) -> str:
        """The text of an element."""
        return self.page.locator(selector).inner_text()

    def wait_text(self, selector: str, wanted: str) -> None:
        """Wait until an element contains this text."""
        self.page.locator(selector, has_text=wanted).wait_for()
