"""`classify` sends what the service says that it accepts, and nothing else but JPEG and PNG."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.hostile.avifs import avif
from tests.hostile.heics import heic
from tests.hostile.webps import webp
from tests.support.command import Command
from tests.support.live_service import LiveService, coloured

PICTURE = Image.new("RGB", (300, 300), (0, 9, 0))


@pytest.fixture(scope="module")
def with_webp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    formats = {"PHOTO_FORMATS": "jpeg,png,webp,avif,heic"}
    with LiveService(tmp_path_factory.mktemp("service"), formats) as live:
        yield live


@pytest.fixture
def folder(tmp_path: Path, few: bool) -> Path:
    """So few that they are sent one by one, or as a job."""
    for at in range(1 if few else 5):
        (tmp_path / f"{at}.png").write_bytes(coloured(at))
    (tmp_path / "photo.webp").write_bytes(webp(PICTURE))
    (tmp_path / "photo.avif").write_bytes(avif(PICTURE, quality=100, subsampling="4:4:4"))
    (tmp_path / "IMG_1.HEIC").write_bytes(heic(PICTURE, quality=-1, chroma=444))
    (tmp_path / "scan.gif").write_bytes(b"GIF89a" + bytes(99))
    return tmp_path


@pytest.mark.parametrize("few", [True, False])
def test_a_photo_is_sent_if_the_service_accepts_its_format(
    with_webp: LiveService, folder: Path
) -> None:
    code, printed, said = Command(".", "-k", "1", url=with_webp.url, cwd=folder).end()
    for name in ("photo.webp", "photo.avif", "IMG_1.HEIC"):
        assert f"./{name}\t\t\tclass 9\t" in printed, said
        assert name not in said
    assert "scan.gif: a GIF file. The service accepts JPEG and PNG: convert it" in said
    assert code == 1


@pytest.mark.parametrize("few", [True, False])
def test_a_photo_is_not_sent_to_a_service_that_does_not(service: LiveService, folder: Path) -> None:
    code, printed, said = Command(".", "-k", "1", url=service.url, cwd=folder).end()
    assert "./0.png\t" in printed
    assert "photo.webp: a WebP file. The service accepts JPEG and PNG: convert it" in said
    assert "photo.avif: an AVIF file. The service accepts JPEG and PNG: convert it" in said
    assert "IMG_1.HEIC: a HEIC file. The service accepts JPEG and PNG: convert it" in said
    assert code == 1
