"""What all tests share: their order; in the tier that must leave nothing out, a skip is a failure;
and what chaos and fleet have counted is told at the end.
"""

import os
import signal
from pathlib import Path

import hypothesis
import pytest
from xdist.scheduler import LoadFileScheduling

from tests.support.told import COUNTS, tell_at_the_end

# A shell makes its background processes ignore SIGINT, and the processes of the tests inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# these share torch, a model, its answers and its converted graphs, which take long to make
ENGINES = (
    "tests/unit/worker/inference/",
    "tests/unit/worker/imaging/test_preprocess.py",
    "tests/unit/worker/models/test_selection.py",
    "tests/unit/worker/models/test_weights_that_run_code.py",
)

# an example's time is the machine's, not the code's
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fail-on-skip", action="store_true", help="count a skip as a failure")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the files for several processes.

    The worker's files are first, before them the engines': they take longest, and what is long and
    at the end would run by itself.
    Files of unit tests, which compute, alternate with the others, which mostly wait.
    """
    items.sort(
        key=lambda item: (not item.nodeid.startswith(ENGINES), "worker" not in item.path.parts)
    )
    ranks: dict[bool, dict[Path, int]] = {True: {}, False: {}}
    places: dict[Path, int] = {}
    for item in items:
        files = ranks["unit" in item.path.parts]
        places[item.path] = files.setdefault(item.path, len(files))
    items.sort(key=lambda item: places[item.path])


class Scheduling(LoadFileScheduling):
    """A file at a time to a process, and all that need torch to one."""

    def _split_scope(self, nodeid: str) -> str:
        return "engines" if nodeid.startswith(ENGINES) else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)  # xdist calls it, if it is there
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Scheduling | None:
    return Scheduling(config, log) if config.option.dist == "loadfile" else None


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.config.option.fail_on_skip and reporter and reporter.stats.get("skipped"):
        reporter.write_line("\na test was skipped, and here a skip is a failure", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    tell_at_the_end(terminalreporter, f"counted, SEED={os.environ.get('SEED', '1')}", COUNTS)
