"""docker-compose.yml as it stands, brought up on a host with Docker by each Compose that is here."""

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.compose.demo import Demo
from tests.compose.host import docker_host
from tests.support.dockerd import Engine, lacking


def _versions() -> Iterator[tuple[str, tuple[str, ...]]]:
    """What each says of itself, and its command. A second one may be named by DNSGUARD_COMPOSE."""
    for command in (("docker-compose",), ("docker", "compose"), (os.environ.get("DNSGUARD_COMPOSE", ""),)):
        if command[0] and shutil.which(command[0]):
            done = subprocess.run([*command, "version", "--short"], capture_output=True, text=True, check=False)
            if done.returncode == 0:
                yield done.stdout.strip(), command


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "demo" in metafunc.fixturenames:
        found = dict(_versions()) if metafunc.config.getoption("--soak") else {}
        metafunc.parametrize("demo", found.values(), ids=found.keys(), indirect=True, scope="session")


@pytest.fixture(scope="session")
def host() -> Iterator[Engine]:
    if why_not := lacking():
        pytest.skip(why_not)
    with docker_host() as engine:
        yield engine


@pytest.fixture(scope="session")
def demo(host: Engine, request: pytest.FixtureRequest) -> Iterator[Demo]:
    """Up while its tests run, each of which goes on where the one before ended; the last one brings it down."""
    made = Demo(host, request.param)
    made.up()
    yield made
    made.compose("down", "--volumes")
