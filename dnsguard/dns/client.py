"""Who asked, where, and how the answer goes back."""

from collections.abc import Callable
from typing import Literal, NamedTuple

Transport = Literal["udp", "tcp"]


class Client(NamedTuple):
    """The asking side of a query, as the kernel reported it; one value serves all queries that agree in it."""

    address: bytes
    """Source address, packed: 4 or 16 bytes."""

    asked: bytes
    """The address the query was sent to, packed, also on a wildcard socket or an intercepted packet."""

    transport: Transport


Respond = Callable[[bytes | bytearray], None]
"""Sends one answer to the client that asked. Once per query at most; never blocks; a no-op when the client has gone."""

Handler = Callable[[bytes, Client, Respond], None]
"""Takes one message as it came off the wire. Never raises, whatever the bytes are."""
