"""Messages ⇄ frames: four bytes of length, then one JSON object (RFC 8259) with its kind under ``type``.

A message with long lists goes out as several frames, each but the last marked ``more``; the decoder joins them. So
neither side ever spends long on one frame, and a snapshot of 10 000 endpoints delays nobody's DNS answer.

Decoding is strict, because two versions may meet on one socket during an upgrade: an unknown kind, an unknown, missing
or mistyped field, and an oversized frame raise ``LinkProtocolError``; nothing is guessed.
"""

import json
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from dnsguard.link.messages import (
    Ack,
    Delta,
    DnsLogQuery,
    DnsLogReply,
    DnsLogStop,
    Hello,
    LeasesQuery,
    LeasesReply,
    LeasesSearch,
    NamesFound,
    NamesQuery,
    NamesReply,
    NamesSearch,
    RightsQuery,
    RightsReply,
    RightsVoid,
    SetUses,
    Snapshot,
    Stats,
    ToController,
    ToForwarder,
)
from dnsguard.link.shape import LinkProtocolError, Shape, plain

Message = ToForwarder | ToController

KINDS: dict[str, type[Any]] = {
    "snapshot": Snapshot,
    "delta": Delta,
    "leases-query": LeasesQuery,
    "names-query": NamesQuery,
    "names-reply": NamesReply,
    "leases-search": LeasesSearch,
    "names-search": NamesSearch,
    "names-found": NamesFound,
    "dns-log-query": DnsLogQuery,
    "dns-log-stop": DnsLogStop,
    "set-uses": SetUses,
    "hello": Hello,
    "ack": Ack,
    "leases-reply": LeasesReply,
    "dns-log-reply": DnsLogReply,
    "stats": Stats,
    "rights-query": RightsQuery,
    "rights-reply": RightsReply,
    "rights-void": RightsVoid,
}
FRAME_LIMIT = 16 * 1024 * 1024
"""Bytes. One lease set with 500 000 patterns still fits."""

JOINED_LIMIT = 1_000_000
"""List items of one message over all its frames."""

SLICE = 128
"""List items in one frame: some 20 kB, 1 ms to decode."""

_LENGTH_BYTES = 4
_NAMES = {kind: name for name, kind in KINDS.items()}
_SHAPES = {name: Shape.of(kind) for name, kind in KINDS.items()}
_LISTS = {name: frozenset(shape.items) for name, shape in _SHAPES.items()}


def frames(message: Message) -> Iterator[bytes]:
    """The frames that carry the message, in order. Raises LinkProtocolError when one item alone is over the limit."""
    name = _NAMES[type(message)]
    body = {field.name: getattr(message, field.name) for field in fields(message)}
    rest = {key: body.pop(key) for key in sorted(_LISTS[name])}
    while True:
        room = SLICE
        part: dict[str, Any] = {"type": name} | {key: plain(value) for key, value in body.items()}
        for key, items in rest.items():
            part[key] = [plain(item) for item in items[:room]]
            rest[key] = items[room:]
            room -= len(part[key])
        more = any(rest.values())
        if more:
            part["more"] = True
        yield _frame(part)
        if not more:
            return


def encode(message: Message) -> bytes:
    """All frames of the message in one piece."""
    return b"".join(frames(message))


def _frame(part: dict[str, Any]) -> bytes:
    data = json.dumps(part, separators=(",", ":"), ensure_ascii=False).encode()
    if len(data) > FRAME_LIMIT:
        raise LinkProtocolError(part["type"], f"a frame of {len(data)} bytes is over the limit of {FRAME_LIMIT}")
    return len(data).to_bytes(_LENGTH_BYTES, "big") + data


class Decoder:
    """Bytes in, messages out; one per direction of a connection. After an error it is of no further use."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._started: dict[str, Any] | None = None
        self._joined = 0

    def feed(self, data: bytes) -> Iterator[Message | None]:
        """One item per complete frame: the message that it ends, or ``None`` where more frames follow.

        Lazy, so that the caller can let others run between frames. Raises LinkProtocolError.
        """
        self._buffer += data
        while len(self._buffer) >= _LENGTH_BYTES:
            length = int.from_bytes(self._buffer[:_LENGTH_BYTES], "big")
            if length > FRAME_LIMIT:
                raise LinkProtocolError("frame", f"of {length} bytes is over the limit of {FRAME_LIMIT}")
            end = _LENGTH_BYTES + length
            if len(self._buffer) < end:
                return
            frame = bytes(self._buffer[_LENGTH_BYTES:end])
            del self._buffer[:end]
            yield self._message(frame)

    def _message(self, frame: bytes) -> Message | None:
        part = _object(frame)
        name = part.pop("type", None)
        more = part.pop("more", False)
        if not isinstance(name, str) or name not in KINDS:
            raise LinkProtocolError("type", f"{name!r} is no message that this version knows")
        if not isinstance(more, bool):
            raise LinkProtocolError(f"{name}.more", f"expected true or false, found {more!r}")
        joined = self._join(name, part)
        if more:
            self._started = {"type": name, **joined}
            return None
        self._started, self._joined = None, 0
        try:
            message: Message = _SHAPES[name].build(joined)
        except LinkProtocolError as error:
            raise error.inside(name) from None
        return message

    def _join(self, name: str, part: dict[str, Any]) -> dict[str, Any]:
        """The parts so far with this one; list items are already built, so that the last frame costs no more."""
        for key in _LISTS[name] & part.keys():
            try:
                part[key] = _SHAPES[name].build_items(part[key], key)
            except LinkProtocolError as error:
                raise error.inside(name) from None
            self._joined += len(part[key])
        if self._joined > JOINED_LIMIT:
            raise LinkProtocolError(name, f"more than {JOINED_LIMIT} list items")
        if self._started is None:
            return part
        started = self._started
        if started.pop("type") != name:
            raise LinkProtocolError(name, "arrived in the middle of another message")
        for key, value in part.items():
            if key in _LISTS[name] and isinstance(started.get(key), list):
                started[key] += value
            elif started.get(key) != value:
                raise LinkProtocolError(f"{name}.{key}", "differs between the frames of one message")
        return started


def _object(frame: bytes) -> dict[str, Any]:
    try:
        part = json.loads(frame)
    except (ValueError, RecursionError) as error:
        raise LinkProtocolError("frame", f"is no JSON: {error}") from error
    if not isinstance(part, dict):
        raise LinkProtocolError("frame", "is no JSON object")
    return part
