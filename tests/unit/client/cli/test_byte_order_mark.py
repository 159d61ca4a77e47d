"""The byte order mark of a CSV file: written once, kept, and not in the way."""

from pathlib import Path

import pytest

from image_classifier_client.cli.exit_codes import CommandError, ExitCode
from image_classifier_client.cli.results.formats import BOM
from tests.support.result_rows import bad, good, paths_in, write


def test_a_byte_order_mark_is_written_once_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "results.csv"
    write(file, good("größe.jpg"), bad("b.jpg"), bom=True)
    write(file, good("c.jpg"))
    write(file, good("d.jpg"), bom=True)
    write(file, good("b.jpg"), retry_failed=True)
    data = file.read_bytes()
    assert data.startswith(BOM + b"index,path,status,")
    assert data.count(BOM) == 1
    assert paths_in(file) == ["größe.jpg", "c.jpg", "d.jpg", "b.jpg"]


def test_a_file_without_a_byte_order_mark_gets_none(tmp_path: Path) -> None:
    file = tmp_path / "results.csv"
    write(file, good("a.jpg"))
    before = file.read_bytes()
    with pytest.raises(CommandError, match="omit --bom") as caught:
        write(file, good("b.jpg"), bom=True)
    assert caught.value.code == ExitCode.USAGE
    assert file.read_bytes() == before


@pytest.mark.parametrize("start", [b"", BOM])
def test_another_top_k_is_refused_with_a_byte_order_mark_too(tmp_path: Path, start: bytes) -> None:
    file = tmp_path / "results.csv"
    file.write_bytes(start + b"index,path,status,label_1,class_index_1,confidence_1,error,detail\n")
    with pytest.raises(CommandError, match="another --top-k"):
        write(file, good("a.jpg"))
