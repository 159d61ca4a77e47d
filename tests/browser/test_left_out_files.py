"""Files of a folder that are not sent: the page and its CSV file name each, with the reason."""

import csv
from pathlib import Path

import pytest

from tests.browser.conftest import Visiting
from tests.hostile.avifs import avif
from tests.hostile.heics import heic
from tests.hostile.picture import photo
from tests.hostile.webps import webp
from tests.support.api_process import ApiProcess
from tests.support.photos import jpeg
from tests.support.played_worker import PlayedWorker
from tests.support.redis_server import RedisServer

LEFT_OUT = {
    "IMG_0001.HEIC": "HEIC photo.",
    "IMG_0002.heif": "HEIC photo.",
    "album/scan.tiff": "Picture in another format.",
    "album/web.webp": "Picture in another format.",
    ".hidden.jpg": "Hidden file.",
    "notes.txt": "Not a photo.",
    "Größe, in m.xlsx": "Not a photo.",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "holiday"
    (folder / "album").mkdir(parents=True)
    for name in ("one.jpg", "album/two.jpg"):
        (folder / name).write_bytes(jpeg())
    for name in LEFT_OUT:
        (folder / name).write_bytes(b"whatever")
    return folder


@pytest.mark.usefixtures("worker")
def test_files_that_are_left_out_are_named_with_their_reason(
    small_api: ApiProcess, visiting: Visiting, folder: Path
) -> None:
    visit = visiting(small_api.url)
    visit.drop([folder])
    visit.wait_text("#batch-line", "2 classified")
    assert visit.text("#alert summary") == f"Left out: {len(LEFT_OUT)} files"
    visit.page.locator("#alert summary").click()
    lines = visit.page.locator("#alert li").all_inner_texts()
    assert len(lines) == len(set(LEFT_OUT.values()))  # a line for each reason
    for name, reason in LEFT_OUT.items():
        [line] = [line for line in lines if line.startswith(reason)]
        assert f"holiday/{name}" in line.splitlines(), name
    with visit.page.expect_download() as download:
        visit.page.get_by_role("button", name="Save CSV").click()
    text = download.value.path().read_text("utf-8-sig")
    rows = [row for row in csv.DictReader(text.splitlines()) if row["status"] == "left_out"]
    assert {row["path"] for row in rows} == {f"holiday/{name}" for name in LEFT_OUT}
    assert all(row["detail"] for row in rows)


def test_a_photo_is_sent_if_the_service_accepts_its_format(
    redis_server: RedisServer, visiting: Visiting, tmp_path: Path
) -> None:
    (tmp_path / "album").mkdir()
    for name, data in {
        "web.webp": webp(photo()),
        "one.jpg": jpeg(),
        "scan.gif": b"?",
        "b.avif": avif(photo()),
        "IMG_1.HEIC": heic(photo()),
    }.items():
        (tmp_path / "album" / name).write_bytes(data)
    with (
        ApiProcess(redis_server.url, tmp_path, PHOTO_FORMATS="jpeg,png,webp,avif,heic") as api,
        PlayedWorker(redis_server.url),
    ):
        visit = visiting(api.url)
        assert visit.text("#lead .for-mouse").endswith("choose. JPEG, PNG, WebP, AVIF or HEIC.")
        accept = "image/jpeg,image/png,image/webp,image/avif,image/heic"
        assert visit.page.locator("#pick").get_attribute("accept") == accept
        visit.drop([tmp_path / "album"])
        visit.wait_text("#batch-line", "4 classified")
        visit.wait_text("#alert summary", "Left out: 1 file")


@pytest.mark.usefixtures("worker")
def test_a_folder_without_photos_says_why_nothing_happens(
    small_api: ApiProcess, visiting: Visiting, tmp_path: Path
) -> None:
    (tmp_path / "phone").mkdir()
    for at in range(12):
        (tmp_path / "phone" / f"IMG_{at}.HEIC").write_bytes(b"whatever")
    visit = visiting(small_api.url)
    visit.drop([tmp_path / "phone"])
    visit.wait_text("#alert summary", "Left out: 12 files")
    visit.forgive()  # the list moves what is below; a drop by a test does not count as input


@pytest.mark.usefixtures("worker")
def test_two_photos_of_one_name_are_told_apart_in_the_csv(
    small_api: ApiProcess, visiting: Visiting, tmp_path: Path
) -> None:
    for day in ("monday", "tuesday"):
        (tmp_path / "trip" / day).mkdir(parents=True)
        (tmp_path / "trip" / day / "1.jpg").write_bytes(jpeg())
    visit = visiting(small_api.url)
    visit.drop([tmp_path / "trip"])
    visit.wait_text("#batch-line", "2 classified")
    with visit.page.expect_download() as download:
        visit.page.get_by_role("button", name="Save CSV").click()
    rows = csv.DictReader(download.value.path().read_text("utf-8-sig").splitlines())
    assert [row["path"] for row in rows] == ["trip/monday/1.jpg", "trip/tuesday/1.jpg"]
