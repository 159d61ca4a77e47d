"""What a traceback shows: the lines of code, never the values in them."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
from shared import log
log.configure("INFO", "{form}")
def decode(data):
    raise ValueError("no photo")
try:
    decode("SECRET" + "PHOTO")
except ValueError:
    log.get("test").exception("decode failed", job="j1")
import logging
logging.getLogger("library").warning("heard %s", "too")
"""


@pytest.mark.parametrize("form", ["pretty", "json"])
def test_no_form_prints_local_variables(form: str) -> None:
    program = PROGRAM.format(form=form)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert "ValueError: no photo" in done.stderr
    assert "SECRETPHOTO" not in done.stderr
    assert "heard too" in done.stderr


def test_json_is_one_object_a_line() -> None:
    program = PROGRAM.format(form="json")
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["decode failed", "heard too"]
    assert lines[0]["job"] == "j1"
    assert lines[1]["logger"] == "library"
