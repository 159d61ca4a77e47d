"""What a traceback shows: the lines of code, never the values in them."""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

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
    assert [line["logger"] for line in lines] == ["test", "library"]
    assert [line["level"] for line in lines] == ["error", "warning"]
    assert all(line["timestamp"] for line in lines)


ABOUT = """
from shared import log
log.configure("INFO", "json")
with log.about(job="j1") as subject:
    subject["item"] = 3
    log.get("test").info("inside")
log.get("test").info("outside")
"""


def test_what_lines_are_about_ends_with_its_block() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ABOUT], capture_output=True, text=True, check=True, timeout=60
    )
    inside, outside = (json.loads(line) for line in done.stderr.splitlines())
    assert (inside["job"], inside["item"]) == ("j1", 3)
    assert not {"job", "item"} & outside.keys()


@pytest.mark.parametrize("form", ["pretty", "json"])
def test_a_full_disk_loses_lines_but_raises_nothing(form: str) -> None:
    program = PROGRAM.format(form=form) + "print('still running')"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", program],
            check=False,
            stdout=subprocess.PIPE,
            stderr=full,
            timeout=60,
        )
    assert done.stdout == b"still running\n"


def test_a_closed_pipe_raises_nothing() -> None:
    read, write = os.pipe()
    os.close(read)
    program = PROGRAM.format(form="json") + "print('still running')"
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        stdout=subprocess.PIPE,
        stderr=write,
        timeout=60,
    )
    os.close(write)
    assert done.stdout == b"still running\n"


THREADS = """
import logging
import threading
from shared import log
log.configure("INFO", "json")
def repeat(write):
    for _ in range(300):
        write("x" * 9_000)
writers = log.get("own").info, logging.getLogger("library").info
threads = [threading.Thread(target=repeat, args=(write,)) for write in writers]
for thread in threads:
    thread.start()
"""


def test_long_lines_of_threads_are_not_mixed_in_a_full_pipe() -> None:
    """A pipe takes a line of more than 4,096 bytes in pieces; a traceback can be so long."""
    with subprocess.Popen([sys.executable, "-c", THREADS], stderr=subprocess.PIPE) as writing:
        assert writing.stderr
        read = partial(os.read, writing.stderr.fileno(), 3_000)
        data = b"".join(iter(read, b""))
    loggers = [json.loads(line)["logger"] for line in data.splitlines()]
    assert sorted(loggers) == ["library"] * 300 + ["own"] * 300
