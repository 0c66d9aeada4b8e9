"""Many packets for one system call: ``sendmmsg`` and ``recvmmsg`` of Linux, which Python does not have."""

import ctypes
import os
import socket

_SOL_PACKET, _QDISC_BYPASS = 263, 20
_DONT_WAIT = 0x40

_libc = ctypes.CDLL(None, use_errno=True)


class Piece(ctypes.Structure):
    """``struct iovec``: where one packet is, and its octets."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Head(ctypes.Structure):
    """``struct msghdr``."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("pieces", ctypes.POINTER(Piece)),
        ("piece_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class Message(ctypes.Structure):
    """``struct mmsghdr``."""

    _fields_ = (("head", _Head), ("length", ctypes.c_uint32))


def messages(pieces: "ctypes.Array[Piece]") -> "ctypes.Array[Message]":
    """A message for each piece. Both must be kept for as long as they are used."""
    made = (Message * len(pieces))()
    for number, message in enumerate(made):
        message.head.pieces = ctypes.pointer(pieces[number])
        message.head.piece_count = 1
    return made


def interface(name: str) -> socket.socket:
    """A socket of the network we are in that sends frames out of an interface, past every queue: the kernel goes a
    frame's whole way inside the call, or begins to."""
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    made.setsockopt(_SOL_PACKET, _QDISC_BYPASS, 1)
    made.bind((name, 0))
    return made


def send(sender: socket.socket, made: "ctypes.Array[Message]", first: int, count: int) -> None:
    """Send so many of the messages. Raises OSError."""
    done = 0
    while done < count:
        start = ctypes.byref(made, (first + done) * ctypes.sizeof(Message))
        sent = _libc.sendmmsg(sender.fileno(), start, count - done, 0)
        if sent < 0:
            raise _failed("sendmmsg")
        done += sent


def receive(receiver: socket.socket, made: "ctypes.Array[Message]") -> int:
    """Fill messages with the packets that wait: how many. Raises OSError."""
    count: int = _libc.recvmmsg(receiver.fileno(), made, len(made), _DONT_WAIT, None)
    if count >= 0:
        return count
    error = _failed("recvmmsg")
    if isinstance(error, BlockingIOError):
        return 0
    raise error


def _failed(call: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{call}: {os.strerror(number)}")
