"""Writes the OpenAPI description to openapi.json, or checks that the file is up to date."""

import argparse
import json
import sys
from pathlib import Path

from api.main import create_app
from api.settings import ApiSettings

TARGET = Path(__file__).parents[2] / "openapi.json"


def describe() -> str:
    """The OpenAPI description as text."""
    app = create_app(ApiSettings())
    return json.dumps(app.openapi(), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the file, or with --check compare it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if openapi.json is out of date")
    check = parser.parse_args().check
    text = describe()
    if not check:
        TARGET.write_text(text)
    elif not TARGET.exists() or TARGET.read_text() != text:
        sys.exit("openapi.json is out of date: run `make openapi` and commit it")


if __name__ == "__main__":
    main()
