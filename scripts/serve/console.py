"""All lines of all programs on one screen, each with the name of its program."""

import contextlib
import json
from typing import TextIO

WIDTH = 9
COLOURS = (36, 32, 33, 35, 34)


class Screen:
    """Writes lines as they come; a screen that has gone away is no error.

    Args:
        out: A terminal, which gets colours, or a file or pipe, which does not.
        as_json: Every line is one JSON object: a program's own, or its text as ``event``.
    """

    def __init__(self, out: TextIO, *, as_json: bool = False) -> None:
        self._out = out
        self._as_json = as_json
        self._colours: dict[str, int] = {}

    def show(self, name: str, line: str) -> None:
        """One line of one program."""
        if self._as_json:
            self._write(
                line if line.startswith("{") else json.dumps({"process": name, "event": line})
            )
            return
        label = f"{name:<{WIDTH}} |"
        if self._out.isatty():
            colour = self._colours.setdefault(name, COLOURS[len(self._colours) % len(COLOURS)])
            label = f"\033[{colour}m{label}\033[0m"
        self._write(f"{label} {line}")

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            print(text, file=self._out, flush=True)
