"""What all tests share: in the tier that must leave nothing out, a skip is a failure; and what
chaos and fleet have counted is told at the end.
"""

import os

import hypothesis
import pytest

from tests.support.told import COUNTS, tell_at_the_end

# an example's time is the machine's, not the code's
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fail-on-skip", action="store_true", help="count a skip as a failure")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.config.option.fail_on_skip and reporter and reporter.stats.get("skipped"):
        reporter.write_line("\na test was skipped, and here a skip is a failure", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    tell_at_the_end(terminalreporter, f"counted, SEED={os.environ.get('SEED', '1')}", COUNTS)
