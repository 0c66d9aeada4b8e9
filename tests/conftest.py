"""Every test process gets a network and mounts of its own, so that tests may load rules and build namespaces freely.

Without root the whole run moves into a user namespace first.
"""

import os
import sys
from collections.abc import Iterator

import hypothesis
import pytest

from tests.support import dockerd
from tests.support.lab import isolate

# How long an example takes is no property of what is tested. Examples are others in each run: many runs see many.
hypothesis.settings.register_profile("untimed", deadline=None, max_examples=40)
hypothesis.settings.load_profile("untimed")

MOVED = "DNSGUARD_TESTS_IN_USER_NAMESPACE"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", type=float, default=0, metavar="SECONDS",
                     help="long forms, each about that long, and what is marked with soak")  # fmt: skip


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--soak"):
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("soak")])
        items[:] = [item for item in items if not item.get_closest_marker("soak")]


@pytest.fixture(scope="session")
def soak(pytestconfig: pytest.Config) -> float:
    """Seconds that a long form takes; 0 in an ordinary run, for the short form."""
    return float(pytestconfig.getoption("--soak"))


@pytest.fixture(scope="session")
def docker() -> Iterator[dockerd.Engine]:
    """A Docker engine for all files of the group ``docker``, which run in one process. Leave it empty."""
    if why_not := dockerd.lacking():
        pytest.skip(why_not)
    with dockerd.engine() as engine:
        yield engine


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    isolate.add_system_directories()
    is_worker = hasattr(config, "workerinput")
    if os.geteuid() != 0:
        _move_into_user_namespace(config)
    distributes = not is_worker and bool(config.getoption("numprocesses", None))
    if not distributes:
        try:
            isolate.unshare_here()
        except isolate.IsolationError as problem:
            pytest.exit(str(problem), returncode=3)


def _move_into_user_namespace(config: pytest.Config) -> None:
    """Start pytest again as root of a user namespace. Does not return, or ends the run with what is missing."""
    if MOVED in os.environ:
        pytest.exit("not root even in a user namespace of our own", returncode=3)
    try:
        isolate.check()
    except isolate.IsolationError as problem:
        pytest.exit(str(problem), returncode=3)
    capture = config.pluginmanager.getplugin("capturemanager")
    if capture is not None:
        capture.stop_global_capturing()
    command = isolate.isolating([sys.executable, "-m", "pytest", *config.invocation_params.args])
    # Inside we look like root; temporary directories still carry the name of who we are.
    name = os.environ.get("USER") or f"uid{os.getuid()}"
    os.execvpe(command[0], command, os.environ | {MOVED: "1", "LOGNAME": name})
