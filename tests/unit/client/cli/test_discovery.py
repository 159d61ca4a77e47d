import os
from pathlib import Path

import pytest

from image_classifier_client.cli.photos.discovery import discover
from tests.support.live_service import coloured


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as users have them, named relative to where they stand."""
    monkeypatch.chdir(tmp_path)
    for name in ("b.jpg", "a.PNG", "deep/c.png", "deep/er/b.jpg", ".thumbs/t.jpg", "._a.jpg"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(coloured(1))
    return tmp_path / "photos"


def test_a_folder_is_sorted_and_subfolders_need_recursive(folder: Path) -> None:
    assert discover(["photos"], recursive=False).paths == ["photos/a.PNG", "photos/b.jpg"]
    assert discover(["photos"], recursive=True).paths == [
        "photos/a.PNG", "photos/b.jpg", "photos/deep/c.png", "photos/deep/er/b.jpg",
    ]  # fmt: skip
    assert folder.is_dir()


def test_other_files_are_skipped_unless_they_are_named_like_photos(folder: Path) -> None:
    (folder / "notes.txt").write_text("x")
    (folder / "IMG_1.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    (folder / "0a1b2c").write_bytes(coloured(1))  # a photo without a suffix
    found = discover(["photos"], recursive=False)
    assert found.paths == [
        "photos/0a1b2c", "photos/IMG_1.HEIC", "photos/a.PNG", "photos/b.jpg"
    ]  # fmt: skip
    assert found.skipped == 2  # the notes and the hidden one


def test_every_file_on_the_command_line_is_included(folder: Path) -> None:
    (folder / "notes.txt").write_text("x")
    assert discover(["photos/notes.txt", "nowhere.jpg"], recursive=False).paths == [
        "photos/notes.txt",
        "nowhere.jpg",
    ]


@pytest.mark.usefixtures("folder")
def test_a_photo_named_twice_is_included_once() -> None:
    names = ["photos/b.jpg", "photos", "./photos/a.PNG"]
    assert discover(names, recursive=False).paths == ["photos/b.jpg", "photos/a.PNG"]


def test_links_to_photos_are_followed_and_links_to_folders_are_not(folder: Path) -> None:
    (folder / "link.jpg").symlink_to(folder / "b.jpg")
    (folder / "gone.jpg").symlink_to(folder / "missing.jpg")
    (folder / "round").symlink_to(folder)
    found = discover(["photos"], recursive=True).paths
    assert "photos/link.jpg" in found
    assert "photos/gone.jpg" in found  # to be reported as unreadable
    assert not any("round" in path for path in found)


def test_a_named_pipe_is_skipped(folder: Path) -> None:
    os.mkfifo(folder / "pipe.jpg")
    assert "photos/pipe.jpg" not in discover(["photos"], recursive=False).paths
