import socket
from pathlib import Path

import pytest

from dnsguard.unixsocket import SocketAddressError, SocketInUseError, bind


def test_the_socket_is_its_owners_and_serves_one_controller(tmp_path: Path) -> None:
    path = tmp_path / "link.sock"
    with bind(path) as listener:
        assert path.stat().st_mode & 0o777 == 0o600
        listener.listen()
        with pytest.raises(SocketInUseError, match=r"link\.sock is served by another controller"):
            bind(path)


def test_the_socket_of_a_killed_controller_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "link.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with bind(path) as listener, socket.socket(socket.AF_UNIX) as client:
        listener.listen()
        client.connect(str(path))


def test_what_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "link.sock").write_text("precious")
    with pytest.raises(SocketAddressError, match=r"link\.sock cannot be made: Address already in use"):
        bind(tmp_path / "link.sock")
    assert (tmp_path / "link.sock").read_text() == "precious"


def test_a_path_that_is_too_long_is_named(tmp_path: Path) -> None:
    with pytest.raises(SocketAddressError, match="xxx cannot be made: AF_UNIX path too long"):
        bind(tmp_path / ("x" * 120))
