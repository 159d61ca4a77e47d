"""The file of results: complete after each write, and continued after its writer was killed."""

import csv
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from image_classifier_client.cli.exit_codes import CommandError, ExitCode
from image_classifier_client.cli.photos.discovery import absolute
from image_classifier_client.cli.results.results_file import ResultsFile
from image_classifier_client.cli.results.rows import Row
from image_classifier_client.models import Concept, Prediction
from tests.support.result_rows import PREDICTIONS, bad, good, paths_in, write

ODD = 'li\nne, "q" caf\udce9.jpg'
FOREIGN = [b"mine", b'{"a": 1}\n{"b": 2}\n', b'[{"a": 1}, {"b": 2}]', b'[\n  {"a": 1}\n]\n', b"[1]"]


def test_the_file_is_valid_after_every_write(file: Path) -> None:
    with ResultsFile(file, 2) as out:
        assert paths_in(file) == []
        out.append([good("a.jpg"), bad(ODD)])
        assert paths_in(file) == ["a.jpg", ODD]
        out.append([good("b.jpg")])
        assert paths_in(file) == ["a.jpg", ODD, "b.jpg"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_a_write_loses_nothing(file: Path, number: signal.Signals) -> None:
    signals: list[signal.Signals] = []

    def sync(_: int) -> None:
        if signals:
            signal.raise_signal(signals.pop())

    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with ResultsFile(file, 2, sync=sync) as out:
            signals.append(number)
            with pytest.raises(KeyboardInterrupt):
                out.append([good("a.jpg")])
            out.append([good("b.jpg")])  # as what has ended by then is
            assert out.succeeded == 2
    finally:
        signal.signal(signal.SIGTERM, before)
    assert paths_in(file) == ["a.jpg", "b.jpg"]


def test_a_second_run_reads_the_file_and_appends(file: Path) -> None:
    assert write(file, good("a.jpg"), bad(ODD)) == set()
    assert write(file, good("b.jpg")) == {absolute("a.jpg"), absolute(ODD)}
    assert paths_in(file) == ["a.jpg", ODD, "b.jpg"]
    with ResultsFile(file, 2) as out:
        assert (out.succeeded, out.failed) == (2, 1)


def test_a_path_is_the_same_however_it_is_spelled(file: Path) -> None:
    write(file, good("./x/../a.jpg"))
    with ResultsFile(file, 2) as out:
        assert absolute("a.jpg") in out.done


@pytest.mark.parametrize("bom", [False, True])
def test_a_file_cut_anywhere_is_continued_after_its_last_whole_record(
    file: Path, bom: bool
) -> None:
    write(file, good("a.jpg"), good(ODD), good("c.jpg"), bom=bom)
    whole = file.read_bytes()
    for end in range(len(whole) + 1):
        file.write_bytes(whole[:end])
        had = write(file, good("d.jpg"), sync=lambda _: None)  # to the disk a thousand times
        paths = paths_in(file)
        assert paths == [*["a.jpg", ODD, "c.jpg"][: len(had)], "d.jpg"], end
    assert len(had) == 3


def test_cancelled_photos_are_still_missing(file: Path) -> None:
    write(file, good("a.jpg"), Row("b.jpg"))
    assert paths_in(file) == ["a.jpg"]
    assert write(file) == {absolute("a.jpg")}


def test_failed_photos_are_forgotten_when_they_are_to_be_sent_again(file: Path) -> None:
    write(file, bad("0.jpg"), good("a.jpg"), bad(ODD), good("c.jpg"), bad("d.jpg"))
    assert write(file, good(ODD), retry_failed=True) == {absolute("a.jpg"), absolute("c.jpg")}
    assert paths_in(file) == ["a.jpg", "c.jpg", ODD]
    assert [path.name for path in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize("content", FOREIGN)
@pytest.mark.parametrize("retry_failed", [False, True])
def test_a_file_with_other_content_is_unchanged(
    file: Path, content: bytes, retry_failed: bool
) -> None:
    file.write_bytes(content)
    with pytest.raises(CommandError, match="something other than results") as caught:
        write(file, good("a.jpg"), retry_failed=retry_failed)
    assert caught.value.code == ExitCode.USAGE
    assert file.read_bytes() == content
    assert list(file.parent.iterdir()) == [file]


def test_another_top_k_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "results.csv"
    write(file, good("a.jpg"))
    before = file.read_bytes()
    with pytest.raises(CommandError, match="another --top-k"), ResultsFile(file, 5):
        pass
    assert file.read_bytes() == before


def test_two_runs_do_not_write_to_one_file(file: Path) -> None:
    with (
        ResultsFile(file, 2) as out,
        pytest.raises(CommandError, match="another run"),
        ResultsFile(file, 2),
    ):
        pass
    assert out.done == set()


def test_the_error_of_an_unknown_suffix_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"\.csv, \.ndjson or \.json"):
        ResultsFile(tmp_path / "results.xlsx", 3)


def test_a_missing_folder_is_reported(tmp_path: Path) -> None:
    with (
        pytest.raises(CommandError, match="No such file or directory") as caught,
        ResultsFile(tmp_path / "nowhere" / "results.csv", 3),
    ):
        pass
    assert caught.value.code == ExitCode.NOT_WRITTEN


def test_nothing_is_open_when_the_file_is_replaced(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows does not replace a file that is open."""
    write(file, bad("0.jpg"), good("a.jpg"))
    replaced: list[Path] = []
    replace = Path.replace

    def on_windows(path: Path, target: Path) -> Path:
        replaced.append(path)
        for descriptor in Path("/proc/self/fd").iterdir():
            with suppress(FileNotFoundError):
                assert not descriptor.samefile(path), "the new file is open"
                assert not descriptor.samefile(target), "the old file is open"
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", on_windows)
    with ResultsFile(file, 2, retry_failed=True) as out:
        with pytest.raises(CommandError, match="another run"), ResultsFile(file, 2):
            pass
        out.append([good("0.jpg")])
    assert len(replaced) == 1
    assert paths_in(file) == ["a.jpg", "0.jpg"]
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_link_to_the_file_stays_a_link(file: Path) -> None:
    write(file, bad("0.jpg"), good("a.jpg"))
    (file.parent / "folder").mkdir()
    link = file.parent / "folder" / file.name
    link.symlink_to(file)
    write(link, good("0.jpg"), retry_failed=True)
    assert link.is_symlink()
    assert paths_in(file) == ["a.jpg", "0.jpg"]


@pytest.mark.parametrize("how", ["deleted", "replaced", "moved"])
def test_results_are_not_written_to_a_file_that_was_removed(file: Path, how: str) -> None:
    with ResultsFile(file, 2) as out:
        out.append([good("a.jpg")])
        if how == "moved":
            file.rename(file.with_name("moved"))
        else:
            file.unlink()
        if how == "replaced":
            file.write_text("mine")
        with pytest.raises(OSError, match="was moved, deleted or replaced"):
            out.append([good("b.jpg")])
    assert not file.exists() or file.read_text() == "mine"


def test_records_are_numbered_through_all_runs(tmp_path: Path) -> None:
    file = tmp_path / "results.csv"
    write(file, good("a.jpg"), bad("b.jpg"))
    write(file, good("c.jpg"))
    write(file, good("b.jpg"), retry_failed=True)
    with file.open(newline="") as stream:
        records = {record["path"]: record["index"] for record in csv.DictReader(stream)}
    assert records == {"a.jpg": "0", "c.jpg": "2", "b.jpg": "3"}


def test_what_was_classified_can_be_read_back(file: Path) -> None:
    concept = Concept(label="'cat", wnid="n1", confidence=0.75)
    formula = [Prediction(label="=1+1", class_index=2, confidence=0.6)]
    sure = Row(ODD, formula, concept=concept)
    write(file, sure, bad("bad.jpg"), Row("none.jpg", []), good("=a.jpg"))
    with ResultsFile(file, 2) as out:
        found = list(out.classified())
        assert [absolute(row.path) for row in found] == [
            absolute(path) for path in (ODD, "none.jpg", "=a.jpg")
        ]
        assert [row.concept for row in found] == [concept, None, None]
        assert [(row.predictions or [])[:1] for row in found] == [
            formula, [], PREDICTIONS[:1],
        ]  # fmt: skip
        out.append([good("b.jpg")])
    assert len(paths_in(file)) == 5


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("r.csv", ",0.5,", ",half,"),
        ("r.ndjson", '"confidence": 0.5', '"confidence": "half"'),
        ("r.json", '"predictions"', '"forecasts"'),
    ],
)
def test_a_result_that_was_changed_by_hand_is_reported(
    tmp_path: Path, name: str, old: str, new: str
) -> None:
    file = tmp_path / name
    write(file, good("a.jpg"))
    file.write_text(file.read_text().replace(old, new))
    with ResultsFile(file, 2) as out, pytest.raises(CommandError, match="other than results"):
        list(out.classified())
