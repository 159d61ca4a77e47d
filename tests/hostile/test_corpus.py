"""All of the corpus, over HTTP, against a live service with a real model."""

import base64
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from unicodedata import category

import httpx
import psutil
import pytest

from shared.photo_formats import NAMES
from tests.hostile.avifs import avif
from tests.hostile.broken import broken_pictures
from tests.hostile.exchanges import Exchange, exchanges
from tests.hostile.heics import heic
from tests.hostile.live import Live, differs, said, said_of, side_by_side
from tests.hostile.odd import Picture, as_decoded, odd_pictures
from tests.hostile.other_formats import broken_others, odd_webps
from tests.hostile.picture import photo
from tests.hostile.table import row_of, rows
from tests.hostile.webps import webp
from tests.hostile.wire import exchange, wires
from tests.support.photos import CATS, jpeg
from tests.support.served import eventually
from worker.imaging.memory import RUNTIME_BYTES

# Minutes each where the machine has other work; and Pillow warns of what is broken on purpose.
pytestmark = [pytest.mark.timeout(900), pytest.mark.filterwarnings("ignore:::PIL")]

# Of the very same pixels, side by side with others at the model.
CONFIDENCE_WITHIN = 0.02
MEMORY_WITHIN = 1.1
LIMITS = {"api.main": 512 * 1024**2, "worker.main": 2 * 1024**3}
PHOTOS, ITEMS, PHOTOS_IN_JSON, JSON_BYTES = 200, 10_000, 16, 15_000_000


@cache
def pictures() -> list[Picture]:
    return [*odd_pictures(), *odd_webps(), *broken_pictures(), *broken_others()]


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    service = Live(PHOTO_FORMATS=",".join(NAMES))
    try:
        service.served.ready()
        yield service
    finally:
        service.end()


@pytest.fixture(scope="module", autouse=True)
def before(live: Live) -> dict[str, tuple[psutil.Process, int]]:
    """Api and worker, and what they hold in memory, before anything hostile came.

    What allocators keep of the most that is ordinary is no growth, so first comes ordinary work at
    its largest: photos eight at a time, a job of as many items as one may have, a job of photos of
    ordinary and of nearly the largest size, and photos in JSON of nearly as many bytes as are
    allowed, eight at a time. Among them are large photos of every format.
    """
    assert {a.status_code for a in side_by_side(live.predict, [jpeg()] * PHOTOS)} == {200}
    for _ in range(2):  # the second of two such jobs still takes a little more
        live.job([Picture("empty", b"")] * ITEMS)
    heavy = jpeg() + bytes(JSON_BYTES)
    live.job([*[Picture("photo", jpeg())] * PHOTOS, *[Picture("heavy", heavy)] * 8])
    large = photo().resize((2_000, 1_500))
    others = {"webp": webp(large), "avif": avif(large), "heic": heic(large)}
    live.job([Picture(kind, data) for kind, data in others.items()] * 8)
    in_json = [base64.b64encode(heavy).decode()] * PHOTOS_IN_JSON
    assert {a.status_code for a in side_by_side(live.predict_json, in_json)} == {200}
    return {mark: (one, one.memory_info().rss) for mark, one in live.processes().items()}


def test_the_table_lists_every_case_and_no_other() -> None:
    cases = [*pictures(), *exchanges(), *wires()]
    assert len({case.name for case in cases}) == len(cases)
    assert {row_of(case.name).case for case in cases} == set(rows())
    for picture in pictures():
        assert row_of(picture.name).as_plain is (picture.plain is not None), picture.name
    assert not any("500" in row.answers for row in rows().values())


def test_each_picture_has_its_expected_answer(live: Live) -> None:
    def ask(picture: Picture) -> str | None:
        answer = said(live.predict(picture.data))
        return None if answer in row_of(picture.name).answers else f"{picture.name}: {answer}"

    assert not [*filter(None, side_by_side(ask, pictures()))]


def test_odd_pictures_answer_as_the_plain_ones_do(live: Live) -> None:
    @cache
    def predictions(data: bytes) -> list[dict[str, object]]:
        return live.predict(data).raise_for_status().json()["predictions"]  # type: ignore[no-any-return]

    def compare(picture: Picture) -> str | None:
        odd, plain = predictions(picture.data), predictions(as_decoded(picture))
        difference = differs(odd, plain, CONFIDENCE_WITHIN)
        return difference and f"{picture.name}: {difference}"

    assert not [*filter(None, side_by_side(compare, [*odd_pictures(), *odd_webps()]))]


def test_each_picture_of_a_batch_ends_as_it_does_alone(live: Live) -> None:
    wrong = []
    for picture, item in zip(pictures(), live.job(pictures()), strict=True):
        assert item["filename"] == picture.name
        answer = "200" if item["status"] == "succeeded" else said_of(item["error"])
        if answer not in row_of(picture.name).answers:
            wrong.append(f"{picture.name}: {answer}")
    assert not wrong


def test_each_request_has_its_expected_answer(live: Live) -> None:
    def ask(one: Exchange) -> str | None:
        answer = live.client.request(one.method, live.served.url + one.path, **one.options)
        if one.name.startswith("filename-") and answer.status_code == 200:
            assert_can_be_shown(answer)
        if said(answer) in row_of(one.name).answers:
            return None
        return f"{one.name}: {said(answer)}: {answer.text[:200]}"

    assert not [*filter(None, side_by_side(ask, exchanges()))]


def assert_can_be_shown(answer: httpx.Response) -> None:
    name = answer.json()["filename"]
    if name is not None:
        assert not {category(character) for character in name} & {"Cc", "Cs", "Zl", "Zp"}
        assert 0 < len(name) <= 255
        assert not set(name) & set("/\\\u202e\u2066")  # the last two reorder the text around them


def test_each_connection_has_its_expected_end(live: Live) -> None:
    all_of_them = list(wires())
    ends = side_by_side(lambda wire: exchange(live.port, wire), all_of_them)
    pairs = zip(all_of_them, ends, strict=True)
    assert not [
        f"{wire.name}: {end}" for wire, end in pairs if end not in row_of(wire.name).answers
    ]


def test_a_cat_is_a_cat_as_before(live: Live) -> None:
    predictions = live.predict(jpeg()).raise_for_status().json()["predictions"]
    assert predictions[0]["class_index"] in CATS


def test_no_process_has_died_and_their_memory_is_back(
    live: Live, before: dict[str, tuple[psutil.Process, int]], tell: Callable[[str], None]
) -> None:
    for mark, process in live.processes().items():
        first, began = before[mark]
        assert process == first, f"{mark} was restarted\n{live.served.screen()}"
        eventually(partial(_is_back, process, began), 30, partial(_both, mark, process, began))
        tell(_both(mark, process, began))
    assert "Traceback" not in live.served.screen()


def test_memory_was_within_the_limits_of_compose_all_the_time(
    live: Live, before: dict[str, tuple[psutil.Process, int]], tell: Callable[[str], None]
) -> None:
    for mark, process in live.processes().items():
        status = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        most = next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024
        tell(f"{mark}, process {process.pid}: {most / 1e6:.1f} MB at most")
        # on a GPU the worker takes more than that before the first photo
        assert most <= max(LIMITS[mark], before[mark][1] + LIMITS[mark] - RUNTIME_BYTES)


def _is_back(process: psutil.Process, began: int) -> bool:
    return process.memory_info().rss <= MEMORY_WITHIN * began


def _both(mark: str, process: psutil.Process, began: int) -> str:
    now = process.memory_info().rss
    return f"{mark}, process {process.pid}: {began / 1e6:.1f} MB before, {now / 1e6:.1f} MB after"
