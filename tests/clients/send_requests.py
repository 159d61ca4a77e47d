"""URL FIELD FILE…: a form by ``requests``; prints the body, then the status."""

import sys
from contextlib import ExitStack
from pathlib import Path

import requests

url, field, *paths = sys.argv[1:]
with ExitStack() as files:
    form = [
        (field, (Path(path).name, files.enter_context(Path(path).open("rb")))) for path in paths
    ]
    answer = requests.post(url, files=form, timeout=60)
sys.stdout.write(f"{answer.text}\n{answer.status_code}\n")
