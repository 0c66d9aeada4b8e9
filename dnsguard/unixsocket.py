"""Unix sockets that the controller serves."""

import os
import socket
import stat
from pathlib import Path

from dnsguard.errors import DnsguardError


class SocketInUseError(DnsguardError):
    """Another controller serves this socket: there is one for each directory of sockets."""


class SocketAddressError(DnsguardError):
    """The socket cannot be made where it is told to be."""


def bind(path: Path) -> socket.socket:
    """A bound socket, never open to others for an instant: its inode takes the mode set before bind.

    Raises SocketInUseError, SocketAddressError.
    """
    try:
        if stat.S_ISSOCK(path.stat().st_mode):
            _remove_if_dead(path)
    except FileNotFoundError:
        pass
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        os.fchmod(listener.fileno(), 0o600)
        listener.bind(str(path))
    except OSError as error:
        listener.close()
        # A path longer than 107 bytes has no errno, just a text.
        raise SocketAddressError(f"the socket {path} cannot be made: {error.strerror or error}") from error
    return listener


def _remove_if_dead(path: Path) -> None:
    """A socket that nobody answers was left by a controller that was killed."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except OSError:  # its queue is full, or it takes its time: somebody holds it
            pass
    raise SocketInUseError(f"{path} is served by another controller")
