"""All lines of all programs on one screen, each with the name of the program that said it."""

import contextlib
from typing import TextIO

WIDTH = 9
COLOURS = (36, 32, 33, 35, 34)


class Screen:
    """Writes lines as they come; a screen that has gone away is no error.

    Args:
        out: A terminal, which gets colours, or a file or pipe, which does not.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._colours: dict[str, int] = {}

    def show(self, name: str, line: str) -> None:
        """One line of one program."""
        label = f"{name:<{WIDTH}} |"
        if self._out.isatty():
            colour = self._colours.setdefault(name, COLOURS[len(self._colours) % len(COLOURS)])
            label = f"\033[{colour}m{label}\033[0m"
        with contextlib.suppress(OSError, ValueError):
            print(label, line, file=self._out, flush=True)
