"""Sidecars as files: written whole or not at all, and never anything but the sidecar."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from image_classifier_client.cli.results.rows import Row
from image_classifier_client.cli.sidecars.files import MAX_BYTES, SidecarFile
from image_classifier_client.cli.sidecars.sidecars import MAX_FAILURES, Sidecars
from image_classifier_client.cli.sidecars.xmp import add_tags
from image_classifier_client.models import Concept, Prediction, Problem

JPEG = b"\xff\xd8\xff\xe0 a photo"
CONCEPT = Concept(label="domestic cat", wnid="n02121808", confidence=0.97)
TABBY = Prediction(label="tabby", class_index=281, confidence=0.4)
TIGER = Prediction(label="tiger cat", class_index=282, confidence=0.3)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "IMG_1.jpg"
    path.write_bytes(JPEG)
    return path


def row(path: Path) -> Row:
    return Row(str(path), [TABBY, TIGER], concept=CONCEPT)


def state(folder: Path) -> dict[str, tuple[bytes, int, int]]:
    return {
        path.name: (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino)
        for path in folder.iterdir()
        if path.is_file()
    }


def run(photo: Path, *, dry_run: bool = False) -> tuple[str | None, str]:
    """Write one sidecar; returns the line that is reported and the summary."""
    sidecars = Sidecars(0, dry_run=dry_run)
    return sidecars.write(row(photo)), sidecars.summary()


def test_a_second_run_touches_nothing(photo: Path) -> None:
    assert run(photo) == (None, "sidecars: 1 written")
    assert {path.name for path in photo.parent.iterdir()} == {"IMG_1.jpg", "IMG_1.jpg.xmp"}
    before = state(photo.parent)
    assert run(photo) == (None, "sidecars: 0 written, 1 up to date")
    assert state(photo.parent) == before
    assert photo.read_bytes() == JPEG


def test_a_dry_run_touches_nothing(photo: Path) -> None:
    before = state(photo.parent)
    line = f"{photo}.xmp: would add domestic cat and tabby"
    assert run(photo, dry_run=True) == (line, "sidecars: 1 to write (dry run)")
    assert state(photo.parent) == before


@pytest.mark.parametrize(
    ("least", "tags"),
    [(0.0, ["domestic cat", "tabby"]), (0.4, ["domestic cat", "tabby"]), (0.41, ["domestic cat"]),
     (0.98, [])],
)  # fmt: skip
def test_a_tag_is_sure_enough(photo: Path, least: float, tags: list[str]) -> None:
    sidecars = Sidecars(least, dry_run=True)
    expected = f"{photo}.xmp: would add {' and '.join(tags)}" if tags else None
    assert sidecars.write(row(photo)) == expected


def test_a_photo_without_a_result_gets_no_sidecar(photo: Path) -> None:
    sidecars = Sidecars(0, dry_run=False)
    blank = Prediction(label="\0", class_index=1, confidence=1)
    for result in [
        Row(str(photo), problem=Problem()),
        Row(str(photo)),
        Row(str(photo), []),
        Row(str(photo), [blank]),
    ]:
        assert sidecars.write(result) is None
    assert sidecars.summary() == "sidecars: 0 written"
    assert list(photo.parent.iterdir()) == [photo]


def test_the_owner_and_mode_of_an_old_sidecar_are_kept(
    photo: Path,
) -> None:
    sidecar = Path(f"{photo}.xmp")
    old = os.umask(0o027)
    try:
        run(photo)
    finally:
        os.umask(old)
    assert stat.S_IMODE(sidecar.stat().st_mode) == 0o640
    sidecar.write_bytes(add_tags(None, ["Oma"]) or b"")
    owner = 12345 if os.geteuid() == 0 else os.getuid()  # only root may give files away
    os.chown(sidecar, owner, -1)
    sidecar.chmod(0o604)
    assert run(photo)[1] == "sidecars: 1 written"
    assert stat.S_IMODE(sidecar.stat().st_mode) == 0o604
    assert sidecar.stat().st_uid == owner


def test_a_private_sidecar_is_never_readable_by_others(
    photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sidecar = photo.with_name("IMG_1.jpg.xmp")
    sidecar.write_bytes(add_tags(None, ["mine"]) or b"")
    sidecar.chmod(0o600)
    modes: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda file: modes.append(os.fstat(file).st_mode & 0o777))
    run(photo)
    assert modes == [0o600]


def link(to: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(to)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path.write_text("my notes"), "it is not valid XML"),
        (lambda path: path.write_bytes(b""), "it is not valid XML"),
        (lambda path: path.write_text("<svg/>"), "it is XML, but not XMP"),
        (lambda path: path.write_bytes(b" " * (MAX_BYTES + 1)), "it is larger than 16 MiB"),
        (link("other.xmp"), "it is a symbolic link"),
        (link("nowhere.xmp"), "it is a symbolic link"),
        (link("IMG_1.jpg"), "it is a symbolic link"),
        (lambda path: path.mkdir(), "it is not a file"),
        (os.mkfifo, "it is not a file"),
    ],
)
def test_what_is_no_sidecar_stays_as_it_is(
    photo: Path, make: Callable[[Path], None], reason: str
) -> None:
    folder = photo.parent
    (folder / "other.xmp").write_bytes(add_tags(None, ["Oma"]) or b"")
    sidecar = Path(f"{photo}.xmp")
    make(sidecar)
    before = state(folder), sidecar.lstat(), sorted(folder.iterdir())
    line, summary = run(photo)
    assert (line or "").startswith(f"{sidecar}: not written: {reason}")
    assert summary == "sidecars: 0 written, 1 failed"
    assert (state(folder), sidecar.lstat(), sorted(folder.iterdir())) == before


def test_a_folder_that_is_gone_or_a_name_that_is_too_long(tmp_path: Path) -> None:
    sidecars = Sidecars(0, dry_run=False)
    long = tmp_path / f"{'n' * 250}.jpg"
    long.write_bytes(JPEG)
    assert (sidecars.write(row(long)) or "").endswith("not written: File name too long")
    gone = tmp_path / "gone" / "a.jpg"
    assert (sidecars.write(row(gone)) or "").endswith("not written: No such file or directory")
    moved = tmp_path / "moved.jpg"
    assert (sidecars.write(row(moved)) or "").endswith("not written: No such file or directory")
    assert sidecars.summary() == "sidecars: 0 written, 3 failed"
    assert list(tmp_path.iterdir()) == [long]


def test_only_the_first_failures_are_reported(tmp_path: Path) -> None:
    sidecars = Sidecars(0, dry_run=False)
    lines = [sidecars.write(row(tmp_path / f"{at}.jpg")) for at in range(MAX_FAILURES + 5)]
    assert len([*filter(None, lines)]) == MAX_FAILURES
    assert sidecars.summary() == f"sidecars: 0 written, {MAX_FAILURES + 5} failed"


@pytest.mark.parametrize("there", [None, b"old"])
def test_a_change_by_another_program_is_not_overwritten(
    tmp_path: Path, there: bytes | None
) -> None:
    path = tmp_path / "a.jpg.xmp"
    if there:
        path.write_bytes(there)
    read = SidecarFile.read(path)
    path.write_bytes(b"changed")
    with pytest.raises(OSError, match="another program changed it"):
        read.replace(b"new")
    assert path.read_bytes() == b"changed"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupted_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jpg.xmp"
    path.write_bytes(b"old")

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        SidecarFile.read(path).replace(b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
