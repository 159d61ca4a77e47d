"""Prints figures of tests at the end of the run, from all processes."""

import pytest

# The property that holds what chaos and the fleet have counted.
COUNTS = "counts"


def tell_at_the_end(terminal: pytest.TerminalReporter, title: str, name: str) -> None:
    """Print the properties of that name that tests have recorded, if there are any."""
    lines = [
        str(value)
        for reports in terminal.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
        for key, value in report.user_properties
        if key == name
    ]
    if lines:
        terminal.section(title)
    for line in lines:
        terminal.write_line(line)
