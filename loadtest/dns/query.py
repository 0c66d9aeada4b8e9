"""Single questions: their bytes, and waiting until a server answers one."""

import socket
import struct
import subprocess
import time
from pathlib import Path

from loadtest.dns import names
from loadtest.dns.site import Site

PATIENCE = 60.0
"""Seconds for a server to start; a large configuration takes some."""

_WAIT = 0.05
_FLAGS_RD = 0x0100
_A_IN = struct.pack("!HH", 1, 1)


class NotStarted(Exception):
    """A server does not answer; the text says which, with its log."""


def question(name: str) -> bytes:
    """A query for an A record without its first two bytes, the ID (RFC 1035, 4.1)."""
    labels = b"".join(bytes((len(label),)) + label.encode() for label in name.split("."))
    return struct.pack("!HHHHH", _FLAGS_RD, 1, 0, 0, 0) + labels + b"\0" + _A_IN


def is_answer(message: bytes) -> bool:
    """It says NOERROR and has records."""
    return len(message) > 12 and message[3] & 15 == 0 and message[6:8] != b"\0\0"


def until_answered(place: Site, server: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return once the server answers a client. Raises NotStarted when it ends or is silent for too long."""
    with place.clients.entered():
        asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    give_up = time.monotonic() + PATIENCE
    query = b"\0\1" + question(names.READY)
    with asker:
        asker.settimeout(_WAIT)
        asker.connect((server, 53))
        while True:
            if process.poll() is not None:
                raise NotStarted(f"it ended with status {process.returncode}: {tail(log)}")
            if time.monotonic() > give_up:
                raise NotStarted(f"it does not answer: {tail(log)}")
            began = time.monotonic()
            try:
                asker.send(query)
                if is_answer(asker.recv(4096)):
                    return
            except OSError:
                pass
            time.sleep(max(0.0, began + _WAIT - time.monotonic()))


def tail(log: Path) -> str:
    """The end of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:])
