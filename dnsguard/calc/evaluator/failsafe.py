"""Failsafe ports: what stays reachable on a host endpoint, so that a wrong policy cannot lock its author out."""

from collections.abc import Iterable
from dataclasses import dataclass

from dnsguard.calc.compiled import Address, Direction, Network, Stage
from dnsguard.calc.evaluator.packet import TCP, UDP, Packet


@dataclass(frozen=True, slots=True)
class FailsafePort:
    """One port that is always open."""

    protocol: int
    """TCP or UDP, as its IANA number."""

    port: int
    net: Network | None = None
    """The remote addresses it is open to; None for any."""

    def __str__(self) -> str:
        """As settings write it."""
        name = {TCP: "tcp", UDP: "udp"}[self.protocol]
        return f"{name}:{self.port}" if self.net is None else f"{name}:{self.net}:{self.port}"


@dataclass(frozen=True, slots=True)
class FailsafePorts:
    """The failsafe ports of a node; the defaults are Calico's."""

    inbound: tuple[FailsafePort, ...] = (
        FailsafePort(TCP, 22),  # SSH
        FailsafePort(UDP, 68),  # DHCP
        FailsafePort(TCP, 179),  # BGP
        FailsafePort(TCP, 2379),  # etcd
        FailsafePort(TCP, 2380),
        FailsafePort(TCP, 5473),  # Typha
        FailsafePort(TCP, 6443),  # Kubernetes API
        FailsafePort(TCP, 6666),  # etcd of self-hosted clusters
        FailsafePort(TCP, 6667),
    )
    outbound: tuple[FailsafePort, ...] = (
        FailsafePort(UDP, 53),  # DNS
        FailsafePort(UDP, 67),  # DHCP
        FailsafePort(TCP, 179),
        FailsafePort(TCP, 2379),
        FailsafePort(TCP, 2380),
        FailsafePort(TCP, 5473),
        FailsafePort(TCP, 6443),
        FailsafePort(TCP, 6666),
        FailsafePort(TCP, 6667),
    )

    def cover(self, packet: Packet, stage: Stage, direction: Direction) -> bool:
        """Whether a packet of a host endpoint passes this stage whatever its policies say."""
        if stage is Stage.FORWARD:
            return False
        ingress = direction is Direction.INGRESS
        remote = packet.source if ingress else packet.destination
        asked = _covers(self.inbound if ingress else self.outbound, packet.protocol, packet.destination_port, remote)
        # There is no connection tracking yet that would know a reply, so it is known by its source port.
        answered = stage is Stage.UNTRACKED and _covers(
            self.outbound if ingress else self.inbound, packet.protocol, packet.source_port, remote
        )
        return asked or answered


def _covers(ports: Iterable[FailsafePort], protocol: int, port: int | None, remote: Address) -> bool:
    return any(
        (failsafe.protocol, failsafe.port) == (protocol, port) and (failsafe.net is None or remote in failsafe.net)
        for failsafe in ports
    )


DEFAULT_FAILSAFE = FailsafePorts()
