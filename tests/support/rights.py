"""Less than root's rights, for a thread or for a program that is started. Numbers are those of capability.h."""

import contextlib
import ctypes
import os
import struct
from collections.abc import Callable, Iterator

SYS_ADMIN, NET_RAW = 21, 13
_BOUNDING_DROP = 24
_VERSION_3 = 0x20080522
_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


@contextlib.contextmanager
def lacking(capability: int) -> Iterator[None]:
    """This thread, and those that it starts meanwhile, may not do what the capability is for."""
    header = ctypes.create_string_buffer(struct.pack("=Ii", _VERSION_3, 0))
    before = ctypes.create_string_buffer(24)
    _checked(_libc.capget(header, before))
    sets = list(struct.unpack("=6I", before.raw[:24]))  # effective, permitted, inheritable of 0 to 31, then the others
    sets[0] &= ~(1 << capability)
    _checked(_libc.capset(header, struct.pack("=6I", *sets)))
    try:
        yield
    finally:
        _checked(_libc.capset(header, before.raw[:24]))


def started_without(*capabilities: int) -> Callable[[], None]:
    """For ``preexec_fn``: the program and what it starts never have these."""

    def drop() -> None:
        for capability in capabilities:
            _checked(_libc.prctl(_BOUNDING_DROP, capability, 0, 0, 0))

    return drop
