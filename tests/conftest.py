"""What all tests share: in the tier that must leave nothing out, a skip is a failure."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fail-on-skip", action="store_true", help="count a skip as a failure")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.config.option.fail_on_skip and reporter and reporter.stats.get("skipped"):
        reporter.write_line("\na test was skipped, and here a skip is a failure", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
