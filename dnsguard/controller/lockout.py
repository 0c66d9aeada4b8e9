"""Who would be shut out of this node by a change: said in the answer to it, and to a dry run before it.

Failsafe ports except those ways from policy that nobody wants to lose, so mostly there is nothing to find out. Where
they do not, policy as it would be is asked: about those who are connected now, and about the node's own DNS.
"""

import asyncio
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from dnsguard.calc.compile import compile_policy
from dnsguard.calc.compiled import Action, Address, Direction, Stage
from dnsguard.calc.evaluator.evaluate import Evaluator
from dnsguard.calc.evaluator.packet import TCP, UDP, Packet
from dnsguard.controller.inputs import Inputs
from dnsguard.controller.node import addresses_by_interface, evaluated_node, plan_settings
from dnsguard.controller.sessions import Session, sessions
from dnsguard.errors import DnsguardError
from dnsguard.resources import KINDS, HostEndpoint, Resource, kind_of_resource, parse_object
from dnsguard.servers import DNS_PORT, Server, read_server
from dnsguard.settings import Settings
from dnsguard.settings.effective import Effective, effective
from dnsguard.store.interface import Key, Object

SSH: Final = 22

_HOSTS: Final = "hostendpoints"
_CONFIGURATIONS: Final = "felixconfigurations"
CONCERNED: Final = frozenset(
    (_HOSTS, _CONFIGURATIONS, "globalnetworkpolicies", "globalnetworksets", "networksets", "profiles", "tiers")
)
"""Kinds that say something of host endpoints: policies of namespaces are about workloads."""

_MODELS = frozenset(kind.model for kind in KINDS if kind.collection in CONCERNED)


@dataclass(frozen=True, slots=True)
class Way:
    """A first packet that somebody counts on."""

    said: str
    packet: Packet
    direction: Direction


class Lockouts:
    """``dnsguard.api.services.Lockouts``."""

    def __init__(
        self,
        inputs: Inputs,
        settings: Settings,
        connected: Callable[[Sequence[int]], Iterator[Session]] = sessions,
    ) -> None:
        """``connected``: the TCP connections that stand to some ports of this machine."""
        self._inputs = inputs
        self._settings = settings
        self._connected = connected

    async def __call__(self, key: Key, value: Object | None) -> tuple[str, ...]:
        if key.plural not in CONCERNED:
            return ()
        others = tuple(each for each in self._inputs.resources if type(each) in _MODELS and _key(each) != key)
        if key.plural != _HOSTS and not any(isinstance(each, HostEndpoint) for each in others):
            return ()
        try:
            return await asyncio.to_thread(lambda: tuple(self._shut(others, key, value)))
        except (DnsguardError, OSError):
            return ()  # the change is not judged by what its author is told of it

    def _shut(self, others: tuple[Resource, ...], key: Key, value: Object | None) -> Iterator[str]:
        changed = (parse_object(value),) if value is not None and key.plural == _CONFIGURATIONS else ()
        configuration = effective(self._settings, (*others, *changed))
        failsafe = configuration.failsafe
        ways = [way for way in self._ways(configuration) if not failsafe.cover(way.packet, Stage.NORMAL, way.direction)]
        if not ways:
            return  # and a set of 100 000 networks need not be read once more
        if value is not None and not changed:
            changed = (parse_object(value),)
        plan = plan_settings(self._settings, addresses_by_interface(), configuration)
        evaluator = Evaluator(compile_policy((*others, *changed)), evaluated_node(plan))
        for way in ways:
            if evaluator.evaluate(way.packet).action is Action.DENY:
                yield f"{way.said} is denied with this, and no failsafe port keeps it open"

    def _ways(self, configuration: Effective) -> Iterator[Way]:
        api = self._settings.api_listen.port
        for session in self._connected((SSH, api)):
            packet = Packet(session.remote, session.local, TCP, destination_port=session.port)
            what = "SSH" if session.port == SSH else "the admin API"
            yield Way(f"{what} from {session.remote}, which is connected now,", packet, Direction.INGRESS)
        trusted = self._settings.upstreams if configuration.trusted_servers is None else configuration.trusted_servers
        for text in trusted:
            try:
                server = read_server(text)
            except ValueError:
                continue
            if isinstance(server, Server) and (source := own_address(server.address)) is not None:
                protocol = UDP if server.tls is None else TCP
                packet = Packet(source, ip_address(server.address), protocol, destination_port=server.port)
                yield Way(f"dnsguard's own way to the DNS server {server}", packet, Direction.EGRESS)


def own_address(server: str) -> Address | None:
    """The address that this machine asks a server from; None without a route. Nothing is sent."""
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect((server, DNS_PORT))
        except OSError:
            return None
        return ip_address(asking.getsockname()[0].partition("%")[0])


def _key(resource: Resource) -> Key:
    return Key(kind_of_resource(resource).collection, resource.namespace, resource.name)
