"""The upload store on a real folder."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.uploads import FileUploadStore, open_uploads, parse_upload_key, upload_key
from tests.support.disks import files_of_at_most

PHOTO = bytes(range(100))


@pytest.fixture
def store(tmp_path: Path) -> FileUploadStore:
    return FileUploadStore(tmp_path / "not" / "there" / "yet")


def test_bytes_come_back_as_they_went_in(store: FileUploadStore) -> None:
    store.put("a.0", b"photo")
    assert store.get("a.0") == b"photo"
    assert list(store.folder.iterdir()) == [store.folder / "a.0"]


def test_a_deleted_photo_is_gone_and_may_be_deleted_again(store: FileUploadStore) -> None:
    store.put("a.0", b"photo")
    store.delete("a.0")
    store.delete("a.0")
    with pytest.raises(FileNotFoundError):
        store.get("a.0")


def test_a_failed_write_leaves_no_partial_photo(store: FileUploadStore) -> None:
    with files_of_at_most(100), pytest.raises(OSError, match="File too large"):
        store.put("a.0", b"new" * 100)
    assert list(store.folder.iterdir()) == []


@pytest.mark.parametrize("most", [7, 10, 25, 1_000])
def test_a_write_that_takes_several_calls_is_whole(
    store: FileUploadStore, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    calls: list[int] = []

    def write_some(descriptor: int, pieces: Sequence[memoryview]) -> int:
        calls.append(os.write(descriptor, b"".join(pieces)[:most]))
        return calls[-1]

    monkeypatch.setattr(os, "writev", write_some)
    store.put("a.0", PHOTO[:10], bytearray(PHOTO[10:11]), b"", memoryview(PHOTO)[11:])
    assert store.get("a.0") == PHOTO
    assert len(calls) == -(-len(PHOTO) // most)


def test_more_pieces_than_one_call_takes_are_written_in_order(store: FileUploadStore) -> None:
    numbers = [number.to_bytes(2, "big") for number in range(3_000)]
    store.put("a.0", *numbers)
    assert store.get("a.0") == b"".join(numbers)


def test_an_empty_file_is_a_file(store: FileUploadStore) -> None:
    """The marker by which workers recognize the store."""
    store.put("a.0", b"")
    assert store.get("a.0") == b""


def test_only_old_uploads_are_listed(store: FileUploadStore) -> None:
    assert list(store.old_keys(0)) == []
    for key in ("old.0", "young.0", "old.1.part"):
        store.put(key, b"")
    for key in ("old.0", "old.1.part"):
        os.utime(store.folder / key, (0, 0))
    assert sorted(store.old_keys(3600)) == ["old.0", "old.1.part"]


def test_a_photo_is_not_old_because_this_process_has_a_wrong_clock(
    store: FileUploadStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("young.0", b"photo")
    monkeypatch.setattr(time, "time", lambda: 4e9)
    assert list(store.old_keys(3600)) == []


@settings(deadline=None)
@given(st.uuids(), st.integers(0, 10_000))
def test_a_key_names_its_job_and_item(job: object, index: int) -> None:
    assert parse_upload_key(upload_key(str(job), index)) == (str(job), index)


@pytest.mark.parametrize("name", ["", "x", ".5", "a.", "a.b", "a.-1", "a.1.part", "lost+found"])
def test_a_foreign_name_is_no_key(name: str) -> None:
    assert parse_upload_key(name) is None


@pytest.mark.parametrize(
    "url",
    ["file://host/x", "file:relative", "/x", "", "s3://", "s3:///x", "s3://b/x?y", "https://b/x"],
)
def test_an_url_that_is_not_served_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="UPLOADS_URL"):
        open_uploads(url)


def test_keys_do_not_belong_into_a_buckets_url() -> None:
    with pytest.raises(ValueError, match="UPLOADS_URL") as raised:
        open_uploads("s3://key:secret@bucket/x")
    assert "secret" not in str(raised.value)


def test_a_folder_loads_nothing_that_a_bucket_needs(tmp_path: Path) -> None:
    look = f"open_uploads({tmp_path.as_uri()!r}); print('obstore' in sys.modules)"
    run = [sys.executable, "-c", f"import sys; from shared.uploads import open_uploads; {look}"]
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout == "False\n"


def test_a_folder_with_spaces_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "with space"
    open_uploads(folder.as_uri()).put("a.0", b"x")
    assert (folder / "a.0").read_bytes() == b"x"
