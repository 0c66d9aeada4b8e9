"""What a manager of services hears."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from dnsguard.notify import ServiceManager


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    address = str(tmp_path / "notify") if request.param == "path" else f"@dnsguard-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(address.replace("@", "\0", 1) if address.startswith("@") else address)
        heard.setblocking(False)
        yield heard, address


def test_what_is_told_is_one_message(manager: tuple[socket.socket, str]) -> None:
    heard, address = manager
    ServiceManager(address).tell("READY=1", "STATUS=one line\nFDSTORE=1")
    assert heard.recv(1000) == b"READY=1\nSTATUS=one line FDSTORE=1", "a text says nothing of its own"


def test_children_do_not_speak_in_our_name(manager: tuple[socket.socket, str]) -> None:
    environ = {"NOTIFY_SOCKET": manager[1], "WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1", "HOME": "/"}
    made = ServiceManager.from_environ(environ)
    assert made.is_there
    assert environ == {"HOME": "/"}


def test_nobody_is_told_where_nobody_asked(tmp_path: Path) -> None:
    assert not ServiceManager.from_environ({}).is_there
    ServiceManager().tell("READY=1")
    ServiceManager(str(tmp_path / "gone")).tell("READY=1")


def test_nobody_waits_for_one_that_does_not_read(manager: tuple[socket.socket, str]) -> None:
    heard, address = manager
    for number in range(10_000):
        ServiceManager(address).tell(f"STATUS={number}")
    assert heard.recv(100) == b"STATUS=0"


def test_a_socket_is_kept_under_its_name(manager: tuple[socket.socket, str]) -> None:
    heard, address = manager
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as kept:
        kept.bind(("127.0.0.1", 0))
        ServiceManager(address).keep("intercept-udp", kept.fileno())
        text, descriptors, _, _ = socket.recv_fds(heard, 1000, 2)
        assert text == b"FDSTORE=1\nFDNAME=intercept-udp\nFDPOLL=0"
        with socket.socket(fileno=descriptors[0]) as copy:
            assert copy.getsockname() == kept.getsockname()
    ServiceManager(address).forget("intercept-udp")
    assert heard.recv(1000) == b"FDSTOREREMOVE=1\nFDNAME=intercept-udp"
