"""Domain names as lower-case wire bytes: length, label, length, label, …, root (RFC 1035 §3.1).

Names are compared in this form only. As dotted text, the one label `www.evil` before `com` prints like three labels.
"""

import re

from dnsguard.domains.international import NotInternational, ascii_component
from dnsguard.errors import DnsguardError

MAX_LABEL = 63
MAX_WIRE = 255

_ESCAPED_UNIT = re.compile(rb"\\([0-9]{3})|\\([^0-9])|([^\\])", re.DOTALL)
_SPECIAL = b'"().;\\@$'
_PLAIN = bytes(byte for byte in range(0x21, 0x7F) if byte not in _SPECIAL)


class DomainNameError(DnsguardError):
    """A text is not a domain name."""

    def __init__(self, text: str, reason: str) -> None:
        self.text = text
        self.reason = reason
        super().__init__(f"bad domain name {text!r}: {reason}")


def wire_name(text: str) -> bytes:
    """The lower-case wire form of a name, root byte included; `.` is the root, other trailing dots make no difference.

    Escapes are those of RFC 1035 §5.1: `\\.` and the like, `\\046`. Labels outside ASCII become their `xn--` form.
    Raises DomainNameError.
    """
    if text == ".":
        return b"\0"
    labels = _labels(text, text if text.isascii() else _ascii_name(text))
    if labels and not labels[-1]:
        labels.pop()
    if not all(labels) or not labels:
        raise DomainNameError(text, "a label is empty")
    if any(len(label) > MAX_LABEL for label in labels):
        raise DomainNameError(text, f"a label is longer than {MAX_LABEL} bytes")
    wire = joined(labels)
    if len(wire) > MAX_WIRE:
        raise DomainNameError(text, f"the name is longer than {MAX_WIRE} bytes")
    # Lengths are at most 63 and letters begin at 65: lowering the whole touches labels only, and ASCII only (RFC 4343).
    return wire.lower()


def joined(labels: list[bytes]) -> bytes:
    """Labels of 1 to 63 bytes in wire form, root byte included."""
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"


def name_text(wire: bytes) -> str:
    """A name in wire form as text without the trailing dot, `.` for the root; `wire_name` reads it back.

    What would not read back, or not print, is escaped (RFC 1035 §5.1): dots within labels, blanks, bytes above 126.
    """
    labels = []
    position = 0
    while length := wire[position]:
        label = wire[position + 1 : position + 1 + length]
        # Nearly every label is plain, and is found so ten times as fast as its characters are looked at one by one.
        labels.append("".join(map(_character_text, label)) if label.translate(None, _PLAIN) else label.decode("ascii"))
        position += 1 + length
    return ".".join(labels) or "."


def _character_text(byte: int) -> str:
    if byte in _SPECIAL:
        return "\\" + chr(byte)
    return chr(byte) if 0x21 <= byte <= 0x7E else f"\\{byte:03}"


def _labels(text: str, ascii_text: str) -> list[bytes]:
    raw = ascii_text.encode("ascii")
    labels = [bytearray()]
    position = 0
    while position < len(raw):
        unit = _ESCAPED_UNIT.match(raw, position)
        if unit is None or (unit[1] and int(unit[1]) > 255):
            raise DomainNameError(text, r"a backslash needs another character or a number from 000 to 255 after it")
        if unit[3] == b".":
            labels.append(bytearray())
        else:
            labels[-1] += bytes((int(unit[1]),)) if unit[1] else unit[2] or unit[3]
        position = unit.end()
    return list(map(bytes, labels))


def _ascii_name(text: str) -> str:
    if "\\" in text:
        raise DomainNameError(text, "escapes and characters outside ASCII do not go together")
    try:
        return ".".join(label if label.isascii() else ascii_component(label) for label in text.split("."))
    except NotInternational as error:
        raise DomainNameError(text, str(error)) from error
