from pathlib import Path

import pytest

from image_classifier_client.cli.photos.reader import MAX_PHOTO_BYTES, read
from tests.support.live_service import coloured


def slug_and_detail(path: Path) -> tuple[str, str]:
    entry = read(str(path))
    assert entry.photo is None
    assert entry.problem is not None
    return entry.problem.slug, entry.problem.detail


def test_a_photo_is_recognized_by_its_content(tmp_path: Path) -> None:
    for kind in ("PNG", "JPEG"):
        path = tmp_path / f"{kind}.heic"
        path.write_bytes(coloured(1, kind=kind))
        photo = read(str(path)).photo
        assert photo is not None
        assert (photo.filename, photo.data) == (path.name, path.read_bytes())


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"\0\0\0\x18ftypheic", "a HEIC file"),
        (b"\0\0\0\x18ftypavif", "an AVIF file"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "a WebP file"),
        (b"GIF89a", "a GIF file"),
        (b"II*\0", "a TIFF or raw file"),
        (b"", "the file is empty"),
        (b"hello", "neither JPEG nor PNG"),
    ],
)
def test_the_error_names_the_format(tmp_path: Path, data: bytes, word: str) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(data)
    slug, detail = slug_and_detail(path)
    assert slug == "unsupported_media_type"
    assert word in detail


def test_the_error_of_a_heic_photo_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "IMG_1.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    _, detail = slug_and_detail(tmp_path / "IMG_1.HEIC")
    assert "magick IMG_1.HEIC photo.jpg" in detail
    assert "Most Compatible" in detail


def test_an_unreadable_file_has_a_reason(tmp_path: Path) -> None:
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "missing.jpg")
    assert slug_and_detail(tmp_path / "gone.jpg") == (
        "unreadable", "cannot be read: No such file or directory"
    )  # fmt: skip
    assert slug_and_detail(tmp_path)[0] == "unreadable"


def test_a_huge_file_is_not_read_whole(tmp_path: Path) -> None:
    with (tmp_path / "huge.jpg").open("wb") as file:
        file.write(b"\xff\xd8\xff")
        file.truncate(10 * MAX_PHOTO_BYTES)  # sparse
    assert slug_and_detail(tmp_path / "huge.jpg")[0] == "upload_too_large"


def test_a_file_whose_name_is_not_text_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "caf\udce9.png"
    path.write_bytes(coloured(1))
    photo = read(str(path)).photo
    assert photo is not None
    assert photo.filename == "caf?.png"
