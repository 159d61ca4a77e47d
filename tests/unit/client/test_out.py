"""The file of results: whole after each write, taken up where its writer was killed."""

import csv
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from image_classifier_client.cli.exits import ExitCode, Stop
from image_classifier_client.cli.finding import place
from image_classifier_client.cli.out import OutFile
from image_classifier_client.cli.rows import Row
from image_classifier_client.models import Prediction, Problem

SUFFIXES = [".csv", ".ndjson", ".json"]
ODD = 'li\nne, "q" caf\udce9.jpg'
FOREIGN = [b"mine", b'{"a": 1}\n{"b": 2}\n', b'[{"a": 1}, {"b": 2}]', b'[\n  {"a": 1}\n]\n', b"[1]"]
PREDICTIONS = [
    Prediction(label=f"class {at}", class_index=at, confidence=0.5 / (at + 1)) for at in range(2)
]


def good(path: str) -> Row:
    return Row(path, PREDICTIONS)


def bad(path: str) -> Row:
    return Row(path, problem=Problem(type="/problems/worker_lost", detail="Say\nwhy."))


def write(path: Path, *rows: Row, **options: Any) -> set[str]:
    """One run that adds rows; returns what was there before them."""
    with OutFile(path, 2, **options) as out:
        before = set(out.done)
        out.append(rows)
    return before


def paths_in(path: Path) -> list[str]:
    """As the tools of the format would read it."""
    text = path.read_bytes().decode(errors="surrogateescape")
    if path.suffix == ".csv":
        return [record["path"] for record in csv.DictReader(text.splitlines(keepends=True))]
    if path.suffix == ".json":
        return [value["path"] for value in json.loads(text)]
    return [json.loads(line)["path"] for line in text.splitlines()]


@pytest.fixture(params=SUFFIXES)
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / f"results{request.param}"


def test_a_file_is_whole_after_every_write(file: Path) -> None:
    with OutFile(file, 2) as out:
        assert paths_in(file) == []
        out.append([good("a.jpg"), bad(ODD)])
        assert paths_in(file) == ["a.jpg", ODD]
        out.append([good("b.jpg")])
        assert paths_in(file) == ["a.jpg", ODD, "b.jpg"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_is_written_when_the_run_is_ended_is_kept(
    file: Path, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fsync

    def end_the_run(_: int) -> None:
        monkeypatch.setattr(os, "fsync", real)
        signal.raise_signal(number)

    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with OutFile(file, 2) as out:
            monkeypatch.setattr(os, "fsync", end_the_run)
            with pytest.raises(KeyboardInterrupt):
                out.append([good("a.jpg")])
            out.append([good("b.jpg")])  # as what has ended by then is
            assert out.succeeded == 2
    finally:
        signal.signal(signal.SIGTERM, before)
    assert paths_in(file) == ["a.jpg", "b.jpg"]


def test_a_second_run_knows_what_is_there_and_adds_to_it(file: Path) -> None:
    assert write(file, good("a.jpg"), bad(ODD)) == set()
    assert write(file, good("b.jpg")) == {place("a.jpg"), place(ODD)}
    assert paths_in(file) == ["a.jpg", ODD, "b.jpg"]
    with OutFile(file, 2) as out:
        assert (out.succeeded, out.failed) == (2, 1)


def test_a_path_is_the_same_however_it_is_spelled(file: Path) -> None:
    write(file, good("./x/../a.jpg"))
    with OutFile(file, 2) as out:
        assert place("a.jpg") in out.done


def test_a_file_cut_anywhere_is_taken_up_after_its_last_whole_record(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)  # some thousand times would take long
    write(file, good("a.jpg"), good(ODD), good("c.jpg"))
    whole = file.read_bytes()
    for end in range(len(whole) + 1):
        file.write_bytes(whole[:end])
        had = write(file, good("d.jpg"))
        paths = paths_in(file)
        assert paths == [*["a.jpg", ODD, "c.jpg"][: len(had)], "d.jpg"], end
    assert len(had) == 3


def test_cancelled_photos_are_still_missing(file: Path) -> None:
    write(file, good("a.jpg"), Row("b.jpg"))
    assert paths_in(file) == ["a.jpg"]
    assert write(file) == {place("a.jpg")}


def test_failed_photos_are_forgotten_when_they_are_to_be_sent_again(file: Path) -> None:
    write(file, bad("0.jpg"), good("a.jpg"), bad(ODD), good("c.jpg"), bad("d.jpg"))
    assert write(file, good(ODD), retry_failed=True) == {place("a.jpg"), place("c.jpg")}
    assert paths_in(file) == ["a.jpg", "c.jpg", ODD]
    assert [path.name for path in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize("content", FOREIGN)
@pytest.mark.parametrize("retry_failed", [False, True])
def test_a_file_of_something_else_stays_as_it_is(
    file: Path, content: bytes, retry_failed: bool
) -> None:
    file.write_bytes(content)
    with pytest.raises(Stop, match="something else") as caught:
        write(file, good("a.jpg"), retry_failed=retry_failed)
    assert caught.value.code == ExitCode.USAGE
    assert file.read_bytes() == content
    assert list(file.parent.iterdir()) == [file]


def test_another_top_k_is_another_table(tmp_path: Path) -> None:
    file = tmp_path / "results.csv"
    write(file, good("a.jpg"))
    before = file.read_bytes()
    with pytest.raises(Stop, match="another --top-k"), OutFile(file, 5):
        pass
    assert file.read_bytes() == before


def test_two_runs_do_not_write_to_one_file(file: Path) -> None:
    with (
        OutFile(file, 2) as out,
        pytest.raises(Stop, match="another run"),
        OutFile(file, 2),
    ):
        pass
    assert out.done == set()


def test_a_suffix_that_means_nothing_is_told_which_do(tmp_path: Path) -> None:
    with pytest.raises(Stop, match=r"\.csv, \.ndjson or \.json"):
        OutFile(tmp_path / "results.xlsx", 3)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with (
        pytest.raises(Stop, match="No such file or directory") as caught,
        OutFile(tmp_path / "nowhere" / "results.csv", 3),
    ):
        pass
    assert caught.value.code == ExitCode.NOT_WRITTEN
