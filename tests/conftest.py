"""For every test: in CI nothing is skipped. A missing prerequisite there is a fault of the machine, and is said so.

Nor does a test fail for being slow: on a busy machine anything can take a while.
"""

import os
import signal

import pytest
from hypothesis import settings

settings.register_profile("dvic", deadline=None)
settings.load_profile("dvic")

# What a shell starts in the background ignores Ctrl-C, and so would all that the tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

IN_CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")


def _as_failure(report):
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"{why}\nwith CI=true nothing may be skipped: install/test.sh installs what the suite needs"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    return _as_failure((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    return _as_failure((yield))


FIGURES = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def figure(pytestconfig):
    """Keep a figure that was measured on the way, for the end of the run. No test asserts one."""
    return pytestconfig.stash.setdefault(FIGURES, []).append


def pytest_sessionfinish(session):
    """One of several processes: hand the figures to the one that sums up."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["figures"] = session.config.stash.get(FIGURES, [])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    node.config.stash.setdefault(FIGURES, []).extend(getattr(node, "workeroutput", {}).get("figures", []))


def pytest_terminal_summary(terminalreporter, config):
    if figures := config.stash.get(FIGURES, []):
        terminalreporter.section("measured on the way")
        for line in figures:
            terminalreporter.write_line(line)
