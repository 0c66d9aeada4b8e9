"""Ports and protocols as fields of a rule or endpoint."""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import PlainSerializer

from dnsguard.resources.portnames import PORT_NAME_RULE, is_port_name
from dnsguard.resources.problems import kind_of_value, refused
from dnsguard.resources.reading import reads, string

MAX_PORT = 65_535


@dataclass(frozen=True, slots=True)
class PortRange:
    """An inclusive range; a single port is a range of one."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first}:{self.last}"


@dataclass(frozen=True, slots=True)
class NamedPort:
    """A port that endpoints declare under this name."""

    name: str

    def __str__(self) -> str:
        return self.name


Port = PortRange | NamedPort


def read_port(value: Any) -> Port:
    """`443`, `"443"`, `"1000:2000"` or a name (V-48)."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise refused(
            "V-48", f"must be a port number, a range such as '1000:2000' or a port's name, not {kind_of_value(value)}"
        )
    text = str(value)
    if re.fullmatch(r"[0-9]+(:[0-9]+)?", text, re.ASCII):
        low, _, high = text.partition(":")
        first, last = _number(low), _number(high or low)
        if first > last:
            raise refused("V-48", f"range {text!r} ends before it begins: write {last}:{first}")
        return PortRange(first, last)
    if is_port_name(text):
        return NamedPort(text)
    raise refused(
        "V-48",
        f"{text!r} is no port: write 1 to {MAX_PORT}, a range such as '1000:2000', or a name ({PORT_NAME_RULE})",
    )


def _number(digits: str) -> int:
    # five digits at most, leading zeros apart: a longer number never gets as far as int()
    number = int(digits.lstrip("0")[:6] or "0")
    if not 1 <= number <= MAX_PORT:
        raise refused("V-48", f"port {digits[:20]} is out of range: write 1 to {MAX_PORT}")
    return number


def port_json(port: Port) -> int | str:
    """Canonical output: a number, `"first:last"`, or the name."""
    return port.first if isinstance(port, PortRange) and port.first == port.last else str(port)


def read_port_number(value: Any) -> int:
    """A number alone (V-48)."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_PORT:
        raise refused("V-48", f"{value!r} is no port: write a number from 1 to {MAX_PORT}")
    return value


PORT_NUMBER = {"type": "integer", "minimum": 1, "maximum": MAX_PORT}
PORT = {
    "anyOf": [PORT_NUMBER, string("[0-9]+(?::[0-9]+)?|[a-z0-9-]{1,15}")],
    "x-kubernetes-int-or-string": True,
}
PortNumber = Annotated[int, reads(read_port_number, PORT_NUMBER)]
PortField = Annotated[Port, reads(read_port, PORT), PlainSerializer(port_json)]

PROTOCOL_NUMBERS = {"TCP": 6, "UDP": 17, "ICMP": 1, "ICMPv6": 58, "SCTP": 132, "UDPLite": 136}
TCP = PROTOCOL_NUMBERS["TCP"]
ICMP = PROTOCOL_NUMBERS["ICMP"]
ICMPV6 = PROTOCOL_NUMBERS["ICMPv6"]
WITH_PORTS = frozenset(PROTOCOL_NUMBERS[name] for name in ("TCP", "UDP", "SCTP"))


@dataclass(frozen=True, slots=True)
class Protocol:
    """An IP protocol; `text` is the name or number that was written."""

    number: int
    text: str

    @property
    def has_ports(self) -> bool:
        """Whether rules can match its ports: TCP, UDP and SCTP."""
        return self.number in WITH_PORTS

    def __str__(self) -> str:
        return self.text


def read_protocol(value: Any) -> Protocol:
    """A protocol name in its exact case, or a number from 1 to 255, also as a string (V-31)."""
    if isinstance(value, str) and value in PROTOCOL_NUMBERS:
        return Protocol(PROTOCOL_NUMBERS[value], value)
    if not isinstance(value, bool) and isinstance(value, int | str):
        text = str(value)
        if re.fullmatch(r"0*[0-9]{1,3}", text, re.ASCII) and 1 <= int(text[-3:]) <= 255:
            return Protocol(int(text[-3:]), str(int(text[-3:])))
    names = {name.lower(): name for name in PROTOCOL_NUMBERS}
    hint = f"; did you mean {names[str(value).lower()]}?" if str(value).lower() in names else ""
    raise refused(
        "V-31", f"{value!r} is no protocol: write {', '.join(PROTOCOL_NUMBERS)} or a number from 1 to 255{hint}"
    )


def protocol_json(protocol: Protocol) -> int | str:
    """The name where one was written, else the number."""
    return protocol.text if protocol.text in PROTOCOL_NUMBERS else protocol.number


PROTOCOL = {
    "anyOf": [{"type": "integer", "minimum": 1, "maximum": 255}, string("|".join([*PROTOCOL_NUMBERS, "0*[0-9]{1,3}"]))],
    "x-kubernetes-int-or-string": True,
}
ProtocolField = Annotated[Protocol, reads(read_protocol, PROTOCOL), PlainSerializer(protocol_json)]
