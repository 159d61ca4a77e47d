"""URL FIELD FILE…: a form by ``httpx2``; prints the body, then the status."""

import sys
from contextlib import ExitStack
from pathlib import Path

import httpx2

url, field, *paths = sys.argv[1:]
with ExitStack() as files:
    form = [
        (field, (Path(path).name, files.enter_context(Path(path).open("rb")))) for path in paths
    ]
    answer = httpx2.post(url, files=form, timeout=60)
sys.stdout.write(f"{answer.text}\n{answer.status_code}\n")
