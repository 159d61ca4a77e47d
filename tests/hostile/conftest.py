"""Figures, for the end of the run."""

from collections.abc import Callable

import pytest

from tests.support.told import tell_at_the_end

PROPERTY = "hostile"


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Keeps a line for the end of the run, also of a test that passes."""
    return lambda line: record_property(PROPERTY, line)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    tell_at_the_end(terminalreporter, "hostile", PROPERTY)
