from pathlib import Path

import pytest
from PIL import Image, ImageOps

from benchmarks.harness import photos
from benchmarks.harness.photos import ORIENTATION, PHONE, TURNED, NoPhotos, Workload

KEPT = 6


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as show everything: a phone's photo of 12 megapixels takes a second to make."""
    monkeypatch.setattr(photos, "COUNT", KEPT)
    monkeypatch.setattr(photos, "PHONE_COUNT", 2)


@pytest.mark.usefixtures("few")
def test_photos_of_a_phone_have_its_size_and_every_second_is_turned(tmp_path: Path) -> None:
    files = photos.phone(tmp_path)
    assert len(files) == 2
    for file, orientation, seen in zip(files, [1, TURNED], [PHONE, PHONE[::-1]], strict=True):
        with Image.open(file) as picture:
            assert picture.size == PHONE
            assert picture.getexif()[ORIENTATION] == orientation
            assert ImageOps.exif_transpose(picture).size == seen
        assert 1.5e6 < file.stat().st_size < 2.5e6


@pytest.mark.usefixtures("few")
def test_photos_are_made_once_and_are_the_same_on_each_machine(tmp_path: Path) -> None:
    first = photos.derived(tmp_path / "a")
    content = [file.read_bytes() for file in first]
    assert len(set(content)) == KEPT
    assert [file.read_bytes() for file in photos.derived(tmp_path / "b")] == content
    first[0].write_bytes(b"kept")
    first[1].unlink()
    again = photos.derived(tmp_path / "a")
    assert [again[0].read_bytes(), again[1].read_bytes()] == [b"kept", content[1]]


@pytest.mark.usefixtures("few")
def test_a_photo_that_was_only_half_written_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends(_: Image.Image, file: Path, *__: object, **___: object) -> None:
        file.write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Image.Image, "save", ends)
        with pytest.raises(KeyboardInterrupt):
            photos.derived(tmp_path)
    for file in photos.derived(tmp_path):
        with Image.open(file) as picture:
            picture.load()


def test_of_mixed_sizes_every_fifth_is_large() -> None:
    small, large = [Path(f"{n}") for n in range(8)], [Path("a"), Path("b"), Path("c")]
    assert [str(file) for file in photos.mixed(small, large)] == [*"0123a4567b"]


@pytest.mark.usefixtures("few")
def test_a_folder_of_the_users_replaces_all_kinds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photos, "PHONE", (403, 302))
    kinds = photos.workloads(None, tmp_path / "cache")
    assert [kind.name for kind in kinds] == ["small", "phone", "mixed"]
    (tmp_path / "mine" / "cat").mkdir(parents=True)
    with pytest.raises(NoPhotos, match="PHOTOS="):
        photos.workloads(tmp_path / "mine", tmp_path)
    photo = tmp_path / "mine" / "cat" / "1.JPEG"
    photo.write_bytes(kinds[0].photos[0].read_bytes())
    assert photos.workloads(tmp_path / "mine", tmp_path) == [Workload("yours", [photo])]
