"""Objects that typed Kubernetes clients send as protobuf: bytes → the value that JSON would have given.

Strict: fields that the table does not name, wrong wire types and trailing bytes are refused. What it costs is bounded
by the body: every byte is read once for each message that it stands in, and no message stands in itself.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, assert_never

from dnsguard.api.failures import Failure, bad_request
from dnsguard.api.writing.protofields import DELETE_OPTIONS, MESSAGES, Field, Message, Scalar

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"

MAGIC = b"k8s\x00"

_ENVELOPE: Message = {
    1: Field("typeMeta", {1: Field("apiVersion"), 2: Field("kind")}),
    3: Field("contentEncoding"),
    4: Field("contentType"),
}
_RAW = 2

_VARINT, _BYTES = 0, 2
_NUMBERS = frozenset({Scalar.NUMBER, Scalar.COUNT, Scalar.SWITCH})
_TIME: Message = {1: Field("seconds", Scalar.NUMBER), 2: Field("nanos", Scalar.NUMBER)}
_EITHER: Message = {
    1: Field("type", Scalar.NUMBER),
    2: Field("number", Scalar.NUMBER),
    3: Field("text", Scalar.SAID),
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _MalformedError(ValueError):
    """It is no such message; says where."""


def decoded(body: bytes) -> dict[str, Any]:
    """The object in a body. Raises Failure 400, and 415 for a kind that is not read in this form."""
    try:
        if not body.startswith(MAGIC):
            raise _MalformedError(f"the body does not begin with {MAGIC!r}")
        wrapped = [(number, wire, value) for number, wire, value in _fields(body[len(MAGIC) :], "Unknown")]
        rest = [each for each in wrapped if each[0] != _RAW]
        envelope = _message(rest, _ENVELOPE, "Unknown")
        raw = [value for number, _, value in wrapped if number == _RAW]
        if len(raw) != 1 or not isinstance(raw[0], bytes):
            raise _MalformedError("Unknown.raw is not there once")
        if envelope.get("contentEncoding") or envelope.get("contentType", MEDIA_TYPE) != MEDIA_TYPE:
            raise _MalformedError("what is wrapped is compressed, or no protobuf")
        types = envelope.get("typeMeta", {})
        api_version, kind = types.get("apiVersion", ""), types.get("kind", "")
        message = DELETE_OPTIONS if kind == "DeleteOptions" else MESSAGES.get((api_version, kind))
        if message is None:
            raise Failure(
                415, "UnsupportedMediaType", f"{f'{api_version} {kind}'[:200]} is not read as {MEDIA_TYPE}: send JSON"
            )
        return {"apiVersion": api_version, "kind": kind, **_message(_fields(raw[0], kind), message, kind)}
    except _MalformedError as error:
        raise bad_request(f"the body is no {MEDIA_TYPE} that is read here: {error}") from None


def _message(fields: Any, message: Message, where: str) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for number, wire, raw in fields:
        field = message.get(number)
        if field is None:
            raise _MalformedError(f"{where} has no field {number}")
        place = f"{where}.{field.name}"
        if field.mapping:
            key, inner = _entry(raw, field, place)
            mapping = value.setdefault(field.name, {})
            if key in mapping:
                raise _MalformedError(f"{place} has a key twice")
            mapping[key] = inner
        elif field.repeated:
            value.setdefault(field.name, []).append(_value(wire, raw, field, place))
        elif field.name in value:
            raise _MalformedError(f"{place} is there twice")
        elif (inner := _value(wire, raw, field, place)) is not None:
            value[field.name] = inner
    return value


def _entry(raw: int | bytes, field: Field, where: str) -> tuple[str, Any]:
    pair = {1: Field("key", Scalar.SAID), 2: Field("value", field.shape)}
    entry = _message(_fields(_as_bytes(raw, where), where), pair, where)
    return entry.get("key", ""), entry.get("value", [] if field.shape is Scalar.TEXTS else "")


def _value(wire: int, raw: int | bytes, field: Field, where: str) -> Any:
    """None for what says that nothing was set."""
    shape = field.shape
    if not isinstance(shape, Scalar):
        return _message(_fields(_as_bytes(raw, where), where), shape, where)
    if (shape in _NUMBERS) != (wire == _VARINT):
        raise _MalformedError(f"{where} has the wrong wire type")
    match shape:
        case Scalar.NUMBER:
            return _as_signed(raw)
        case Scalar.COUNT:
            return _as_signed(raw) or None
        case Scalar.SWITCH:
            return raw != 0
        case Scalar.TEXT:
            return _as_text(raw, where) or None
        case Scalar.SAID:
            return _as_text(raw, where)
        case Scalar.TIME:
            return _as_time(_message(_fields(_as_bytes(raw, where), where), _TIME, where), where)
        case Scalar.EITHER:
            either = _message(_fields(_as_bytes(raw, where), where), _EITHER, where)
            return either.get("text", "") if either.get("type", 0) else either.get("number", 0)
        case Scalar.TEXTS:
            items: Message = {1: Field("items", Scalar.SAID, repeated=True)}
            return _message(_fields(_as_bytes(raw, where), where), items, where).get("items", [])
        case Scalar.JSON:
            return _as_json(_as_bytes(raw, where), where)
        case Scalar.PASSED_OVER:
            return None
        case _:
            assert_never(shape)


def _fields(data: bytes, where: str) -> Iterator[tuple[int, int, int | bytes]]:
    """Number, wire type and value of each field."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position, where)
        number, wire = tag >> 3, tag & 7
        value, position = _varint(data, position, where)
        if wire == _VARINT:
            yield number, wire, value
        elif wire == _BYTES:
            if value > len(data) - position:
                raise _MalformedError(f"{where} ends early")
            yield number, wire, data[position : position + value]
            position += value
        else:
            raise _MalformedError(f"{where} has a field {number} of wire type {wire}")


def _varint(data: bytes, position: int, where: str) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            raise _MalformedError(f"{where} ends early")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, position
    raise _MalformedError(f"{where} has a number of more than ten bytes")


def _as_bytes(raw: int | bytes, where: str) -> bytes:
    if not isinstance(raw, bytes):
        raise _MalformedError(f"{where} has the wrong wire type")
    return raw


def _as_text(raw: int | bytes, where: str) -> str:
    try:
        return _as_bytes(raw, where).decode()
    except UnicodeDecodeError:
        raise _MalformedError(f"{where} is not UTF-8") from None


def _as_signed(raw: int | bytes) -> int:
    assert isinstance(raw, int)  # noqa: S101 - by the wire type
    return raw - (1 << 64) if raw >> 63 else raw


def _as_time(parts: dict[str, int], where: str) -> str | None:
    if not parts:
        return None
    try:
        time = _EPOCH + timedelta(seconds=parts.get("seconds", 0))
    except OverflowError:
        raise _MalformedError(f"{where} is no time") from None
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _as_json(raw: bytes, where: str) -> Any:
    text = _message(_fields(raw, where), {1: Field("raw", Scalar.SAID)}, where).get("raw", "null")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise _MalformedError(f"{where} holds no JSON") from None
