"""``python -m scripts.checks.screenshots``: the page as people see it, into ``screenshots/``.

Starts what ``make serve`` starts, with the model that the environment names, and visits the page
with a real Chromium. The photos are scikit-image's, and cuts of them.
"""

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import skimage
from PIL import Image
from playwright.sync_api import Browser

from tests.support.browser import DESKTOP, PHONE, Visit, chromium
from tests.support.photos import free_port, jpeg
from tests.support.served import Served

FOLDER = Path(__file__).resolve().parents[2] / "screenshots"
NATURAL = ("chelsea", "coffee", "rocket", "astronaut")
# a picture for the README: no larger than it has to be
README, COLOURS = (1120, 720), 256
IN_DOCS = "docs/images/page.png"
# so many that the thumbnails in sight are drawn long before the half of them is classified
CUTS = 240
Photo = tuple[str, bytes]


def cuts(number: int) -> Iterator[Photo]:
    """So many photos: windows of a few natural ones, walked over in order."""
    for at in range(number):
        name = NATURAL[at % len(NATURAL)]
        photo = Image.fromarray(getattr(skimage.data, name)())
        turn = at // len(NATURAL)
        if turn % 2:
            photo = photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        side = int(min(photo.size) * (1 - 0.1 * (turn % 5)))
        left = (photo.width - side) * (turn % 7) // 7
        top = (photo.height - side) * (turn % 3) // 3
        buffer = io.BytesIO()
        photo.crop((left, top, left + side, top + side)).save(buffer, "JPEG", quality=90)
        yield f"{name}-{turn + 1:02}.jpg", buffer.getvalue()


def empty(visit: Visit) -> None:
    """Before anything was dropped."""
    visit.wait_text("#service-word", "Ready")


def one(visit: Visit) -> None:
    """One photo, answered."""
    empty(visit)
    visit.choose(("warm-up.jpg", jpeg("coffee")))
    visit.labels()
    visit.choose(("chelsea.jpg", jpeg()))
    visit.labels()
    visit.settle()


def why(visit: Visit) -> None:
    """One photo, and where the model sees its first class."""
    one(visit)
    visit.page.get_by_role("button", name="Show why").click()
    visit.page.locator(".heat-map").wait_for()
    visit.page.evaluate("document.activeElement.blur()")


def running(visit: Visit) -> None:
    """A batch about half way, whose worker stops until the picture is taken."""
    empty(visit)
    visit.choose(*cuts(CUTS))
    visit.page.wait_for_function("() => Number(progress.ariaValueNow) >= 40", timeout=120_000)


def done(visit: Visit) -> None:
    """A batch at its end, one photo of it broken."""
    empty(visit)
    visit.choose(*cuts(22), ("broken.jpg", jpeg()[:4000]))
    visit.wait_text("#batch-line", "22 classified")
    # thumbnails are drawn as they come into sight, and the picture shows the page's end too
    for to in ("document.body.scrollHeight", "0"):
        visit.page.evaluate(f"scrollTo(0, {to})")
        visit.page.wait_for_timeout(200)
        visit.settle()


def detail(visit: Visit) -> None:
    """One photo of a batch in large."""
    done(visit)
    visit.page.locator(".tile").nth(1).click()
    visit.settle()


def error(visit: Visit) -> None:
    """What is no photo."""
    empty(visit)
    visit.choose(("animation.jpg", b"GIF89a" + bytes(100)))
    visit.wait_text("#answer .problem h2", "Not a JPEG or PNG")


SHOTS: dict[str, tuple[Callable[[Visit], None], dict[str, object]]] = {
    "desktop-empty": (empty, {}),
    "desktop": (one, {}),
    "why": (why, {}),
    "readme": (why, {"size": README}),
    "desktop-dark": (one, {"color_scheme": "dark"}),
    "batch-running": (running, {}),
    "batch-done": (done, {}),
    "batch-dark": (done, {"color_scheme": "dark"}),
    "detail": (detail, {}),
    "error": (error, {}),
    "phone": (one, {"size": PHONE}),
    "phone-dark": (one, {"size": PHONE, "color_scheme": "dark"}),
    "phone-batch": (running, {"size": PHONE}),
    "phone-error": (error, {"size": PHONE}),
}


def shoot(browser: Browser, service: Served, name: str) -> None:
    """Visit and write one picture, the whole page where it is longer than the window."""
    prepare, options = SHOTS[name]
    size = options.get("size", DESKTOP)
    visit = Visit(browser, service.url, **{"size": size, **options})  # type: ignore[arg-type]
    prepare(visit)
    file = FOLDER / f"{name}.png"
    with stopped(service) if prepare is running else nullcontext():
        if prepare is running:
            visit.settle()
        visit.page.screenshot(path=file, full_page=prepare in {one, done, error})
    visit.context.close()
    print(f"screenshots/{name}.png")
    if name == "readme":
        Image.open(file).convert("RGB").quantize(COLOURS).save(file, optimize=True)
        print(f"  has the page changed? cp screenshots/readme.png {IN_DOCS}")


@contextmanager
def stopped(service: Served) -> Iterator[None]:
    """The worker stands still; for less than the ten seconds after which the page would say so."""
    worker = service.child("worker.main")
    worker.suspend()
    try:
        yield
    finally:
        worker.resume()


def main() -> int:
    """All of them, or those that are named."""
    FOLDER.mkdir(exist_ok=True)
    service = Served(free_port())
    try:
        service.ready()
        with chromium() as browser:
            for name in sys.argv[1:] or SHOTS:
                shoot(browser, service, name)
    finally:
        service.end_if_running()
    return 0


if __name__ == "__main__":
    sys.exit(main())
