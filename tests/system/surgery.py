"""What happens to the sockets of a running process when the kernel, or somebody with its rights, takes them away."""

import contextlib
import ctypes
import os
import socket
import struct
from pathlib import Path

_PIDFD_GETFD = 438
_SO_ATTACH_FILTER = 26
_NETFILTER = 12
_libc = ctypes.CDLL(None, use_errno=True)


def netfilter_sockets(pid: int) -> list[socket.socket]:
    """The very sockets, not copies, through which the process speaks to nf_tables and conntrack."""
    rows = [line.split() for line in Path(f"/proc/{pid}/net/netlink").read_text().splitlines()[1:]]
    inodes = {row[9] for row in rows if int(row[1]) == _NETFILTER}
    open_files = {}
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            open_files[link.name] = str(link.readlink())
    found = [int(name) for name, to in open_files.items() if to.removeprefix("socket:[").rstrip("]") in inodes]
    assert found, f"process {pid} has no socket to nf_tables"
    return [_shared(pid, number) for number in found]


def _shared(pid: int, number: int) -> socket.socket:
    handle = os.pidfd_open(pid)
    try:
        got = _libc.syscall(_PIDFD_GETFD, handle, number, 0)
    finally:
        os.close(handle)
    if got < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return socket.socket(fileno=got)


def duplicate_of(number: int) -> socket.socket:
    """The socket behind a descriptor of our own."""
    return socket.socket(fileno=os.dup(number))


def disconnect(sock: socket.socket) -> None:
    """What is sent goes to nobody: sending fails from now on."""
    sock.connect((4_000_000, 0))


def deafen(sock: socket.socket) -> None:
    """What the kernel says is dropped: sending works, and no acknowledgement ever comes."""
    drop_all = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", 1, ctypes.addressof(drop_all)))


def flood(sock: socket.socket) -> None:
    """Acknowledgements of requests that the process never made fill its buffer until the kernel drops some."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    request = struct.pack("=IHHII", 16, 0xFF, 0x1 | 0x4, 7, 0)
    for _ in range(1000):
        sock.send(request)


DISEASES = {"nobody is there": disconnect, "no acknowledgement comes": deafen, "its buffer is full": flood}
