import csv
import io
import json
import sys

import pytest

from image_classifier_client.cli.results.printer import Printer, styled
from image_classifier_client.cli.results.rows import (
    Row,
    as_csv,
    as_json,
    as_text,
    csv_columns,
    printable,
)
from image_classifier_client.models import Concept, Prediction, Problem

CAT = [
    Prediction(label="tabby, cat", wnid="n02123045", class_index=281, confidence=0.5),
    Prediction(label="tiger cat", class_index=282, confidence=0.25),
]
CONCEPT = Concept(label="domestic cat", wnid="n02121808", confidence=0.97)
PROBLEM = Problem(type="/problems/invalid_image", title="T", status=422, detail='a "bad" photo')
NAMES = ["a.jpg", "my photos/a b.jpg", 'qu"ote,.jpg', "käse.jpg", "li\nne\r.jpg", "caf\udce9.jpg"]


@pytest.mark.parametrize("name", NAMES)
def test_a_path_is_unchanged_by_writing_and_reading(name: str) -> None:
    row = Row(name, CAT, concept=CONCEPT)
    assert json.loads(as_json(row))["path"] == name
    record = as_csv(row, 7, 2).encode(errors="surrogateescape").decode(errors="surrogateescape")
    [values] = csv.reader(io.StringIO(record, newline=""))
    assert values == [
        "7", name, "succeeded", "domestic cat", "n02121808", "0.97",
        "tabby, cat", "n02123045", "281", "0.5", "tiger cat", "", "282", "0.25", "", "",
    ]  # fmt: skip
    assert len(values) == len(csv_columns(2))


@pytest.mark.parametrize("name", NAMES)
def test_text_is_one_printable_line(name: str) -> None:
    line = as_text(Row(name, CAT))
    assert line.encode().splitlines() == [line.encode()]
    classes = ["tabby, cat", "0.500000", "tiger cat", "0.250000"]
    assert line.split("\t")[1:] == ["", "", *classes]
    named = as_text(Row(name, CAT, concept=CONCEPT))
    assert named.split("\t")[1:] == ["domestic cat", "0.970000", *classes]


def test_a_failure_has_its_reason_in_every_format() -> None:
    row = Row("a.jpg", problem=PROBLEM)
    value = json.loads(as_json(row))
    assert (value["status"], value["error"]["type"]) == ("failed", "/problems/invalid_image")
    assert "predictions" not in value
    [values] = csv.reader([as_csv(row, 0, 1)])
    assert values == ["0", "a.jpg", "failed", *[""] * 7, "invalid_image", 'a "bad" photo']


FORMULAS = [f"{first}1+1" for first in "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"]


@pytest.mark.parametrize("name", FORMULAS)
def test_a_path_in_csv_is_not_a_formula_but_still_the_same_file(name: str) -> None:
    assert cells(Row(name, CAT))[1] == f"./{name}"


@pytest.mark.parametrize("text", FORMULAS)
def test_a_label_or_a_detail_in_csv_is_not_a_formula(text: str) -> None:
    label = Prediction(label=text, class_index=1, confidence=0.5)
    assert cells(Row("a.jpg", [label]))[6] == f"'{text}"
    problem = Problem(type="/problems/invalid_image", detail=text)
    assert cells(Row("a.jpg", problem=problem))[-1] == f"'{text}"


def cells(row: Row) -> list[str]:
    [values] = csv.reader(io.StringIO(as_csv(row, 0, 2), newline=""))
    return values


def test_a_class_without_a_heatmap_has_no_key_for_it() -> None:
    value = json.loads(as_json(Row("a.jpg", CAT)))
    assert value["predictions"][0] == {
        "label": "tabby, cat",
        "wnid": "n02123045",
        "class_index": 281,
        "confidence": 0.5,
    }


def test_names_in_other_scripts_stay_readable() -> None:
    assert '"path": "käse.jpg"' in as_json(Row("käse.jpg", CAT))
    assert printable("käse.jpg") == "käse.jpg"


def test_a_terminal_shows_percentages() -> None:
    assert styled(Row("a.jpg", CAT)).plain == "a.jpg  tabby, cat 50.0%  tiger cat 25.0%"
    named = styled(Row("a.jpg", CAT, concept=CONCEPT))
    assert named.plain == "a.jpg  domestic cat 97.0%: tabby, cat 50.0%  tiger cat 25.0%"


def test_a_photo_without_predictions_reads_well_in_every_format() -> None:
    bare, named = Row("a.jpg", []), Row("a.jpg", [], concept=CONCEPT)
    assert bare.status == "succeeded"
    assert json.loads(as_json(bare)) == {"path": "a.jpg", "status": "succeeded", "predictions": []}
    assert list(json.loads(as_json(named))) == ["path", "status", "concept", "predictions"]
    assert cells(bare) == ["0", "a.jpg", "succeeded", *[""] * (3 + 4 * 2 + 2)]
    assert as_text(bare) == "a.jpg\t\t"
    assert as_text(named) == "a.jpg\tdomestic cat\t0.970000"
    assert styled(bare).plain == "a.jpg  no class above the minimum confidence"
    assert styled(named).plain.startswith("a.jpg  domestic cat 97.0%  no class above")


def test_failures_are_printed_as_json_but_not_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [Row("a.jpg", CAT), Row("b.jpg", problem=PROBLEM)]
    objects, lines = Printer(as_json=True), Printer(as_json=False)
    objects.append(rows)
    assert [json.loads(line)["path"] for line in capsys.readouterr().out.splitlines()] == [
        "a.jpg",
        "b.jpg",
    ]
    lines.append(rows)
    assert capsys.readouterr().out == as_text(rows[0]) + "\n"
    assert (objects.failed, lines.failed, sys.stdout.closed) == (1, 1, False)
