"""Packets that were denied, or that a Log rule shows, as a line: a JSON object (RFC 8259) in ASCII.

What does not apply is left out. Packets that differ in nothing that is worth a line of its own share one.
"""

import json
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, NamedTuple, Self

from dnsguard.observe.mnemonics import protocol_text
from dnsguard.observe.record import time_text

MAX_NAMES: Final = 8

DENY, LOG = "Deny", "Log"

_quoted = json.JSONEncoder().encode


class Packet(NamedTuple):
    """What tells one record from another. Addresses are packed; of what is not IP only ARP has some."""

    action: str
    """``Deny``, or ``Log`` for what a Log rule shows, whatever became of it afterwards."""

    rule: str
    """The counter of the rule, as the kernel has it."""

    source: bytes
    destination: bytes
    protocol: int
    destination_port: int | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None
    fragment: bool = False
    interface_in: str = ""
    """Of a bridge, the port."""

    interface_out: str = ""


class Decided(NamedTuple):
    """By whom, in words."""

    text: str
    """As ``rule 3 of NetworkPolicy/shop/web`` or ``end of tier default``."""

    tier: str = ""
    policy: str = ""
    profile: str = ""
    rule_index: int | None = None


class Party(NamedTuple):
    """Whose packet it is."""

    endpoint: str = ""
    """Whose policy, or whose place, it is about: ``namespace/name``; empty where it is no known endpoint."""

    direction: str = ""
    """``egress`` or ``ingress``, seen from there; empty where that does not apply."""

    peer: str = ""
    """The endpoint at the other end, if it is one."""


class PacketRecord(NamedTuple):
    """One line."""

    time: float
    """Of the first packet: seconds since 1970."""

    last: float
    """Of the last one."""

    packets: int
    packet: Packet
    source_port: int | None
    """Of the first packet."""

    party: Party
    decided: Decided
    names: tuple[str, ...] | None = None
    """Those that led this client to the destination lately; None where nobody could be asked, or where it is no look-up
    that leads there."""

    def line(self) -> str:
        """The record as it is written, without a newline."""
        packet, party, decided = self.packet, self.party, self.decided
        parts = [f'"time":"{time_text(self.time)}","type":"PACKET","action":"{packet.action}"']
        for key, text in (("endpoint", party.endpoint), ("direction", party.direction), ("peer", party.peer)):
            if text:
                parts.append(f'"{key}":{_quoted(text)}')
        parts.append(f'"protocol":"{protocol_text(packet.protocol)}"')
        if packet.source:
            parts.append(f'"source_ip":"{ip_address(packet.source)}"')
        for key, number in (
            ("source_port", self.source_port),
            ("icmp_type", packet.icmp_type),
            ("icmp_code", packet.icmp_code),
        ):
            if number is not None:
                parts.append(f'"{key}":{number}')
        if packet.destination:
            parts.append(f'"destination_ip":"{ip_address(packet.destination)}"')
        if packet.destination_port is not None:
            parts.append(f'"destination_port":{packet.destination_port}')
        if packet.fragment:
            parts.append('"fragment":true')
        if self.names is not None:
            parts.append(f'"names":[{",".join(map(_quoted, self.names[:MAX_NAMES]))}]')
            if len(self.names) > MAX_NAMES:
                parts.append(f'"names_left_out":{len(self.names) - MAX_NAMES}')
        for key, text in (("tier", decided.tier), ("policy", decided.policy), ("profile", decided.profile)):
            if text:
                parts.append(f'"{key}":{_quoted(text)}')
        if decided.rule_index is not None:
            parts.append(f'"rule":{decided.rule_index}')
        parts.append(f'"decided_by":{_quoted(decided.text)},"counter":{_quoted(packet.rule)}')
        for key, text in (("interface_in", packet.interface_in), ("interface_out", packet.interface_out)):
            if text:
                parts.append(f'"{key}":{_quoted(text)}')
        if self.packets > 1:
            parts.append(f'"count":{self.packets},"last_time":"{time_text(self.last)}"')
        return f"{{{','.join(parts)}}}"


def unshown_line(time: float, count: int, reason: str, *, whose: str = "", counter: str = "") -> str:
    """The line that stands for ``count`` packets of which there is no record; 0: nobody knows how many. ``whose``: the
    endpoint, address or interface that they are of."""
    named = "".join(f'"{key}":{_quoted(text)},' for key, text in (("of", whose), ("counter", counter)) if text)
    return f'{{"time":"{time_text(time)}","type":"UNLOGGED",{named}"count":{count},"reason":{_quoted(reason)}}}'


@dataclass(frozen=True, slots=True)
class WantedPackets:
    """A filter; what is empty asks for nothing."""

    endpoint: str = ""
    """Either end, ``namespace/name``."""

    address: bytes = b""
    """Either end, packed."""

    action: str = ""

    @classmethod
    def of(cls, client: str, action: str = "") -> Self:
        """``client``: an endpoint or an address."""
        address = b""
        with suppress(ValueError):
            address = ip_address(client).packed
        return cls("" if address else client, address, action)

    def __call__(self, record: PacketRecord) -> bool:
        packet, party = record.packet, record.party
        return (
            (not self.action or packet.action == self.action)
            and (not self.endpoint or self.endpoint in (party.endpoint, party.peer))
            and (not self.address or self.address in (packet.source, packet.destination))
        )
