"""Figures that tests tell of, at the end of the run, whichever process they ran in."""

import pytest


def tell_at_the_end(terminal: pytest.TerminalReporter, title: str, name: str) -> None:
    """Write what tests recorded as properties of that name."""
    terminal.section(title)
    for reports in terminal.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "call":
                for key, value in report.user_properties:
                    if key == name:
                        terminal.write_line(value)
