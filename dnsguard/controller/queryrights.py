"""Which of the forwarder's addresses an endpoint's egress policy lets it send DNS to.

A query is traffic too, also where interception takes it off the path on which the kernel would judge it. So the
verdict for (endpoint, forwarder address, UDP and TCP, port 53) is computed here and travels over the link.
"""

from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address

from dnsguard.calc.compiled import Address, CompiledEndpoint, Direction, Stage
from dnsguard.controller.egress import PROTOCOLS, EgressClasses

Allows = Callable[[CompiledEndpoint, Address, Address, int], bool]
"""(endpoint, its address, forwarder address, protocol number) → whether its egress policy allows port 53."""


def addresses_of(listen: Iterable[str]) -> list[Address]:
    """The addresses of ``ADDRESS#PORT`` or ``ADDRESS``, each once, IPv4 first."""
    return sorted(
        {ip_address(text.partition("#")[0]) for text in listen}, key=lambda address: (address.version, address)
    )


class QueryRights:
    """Verdicts for one state of policy. Endpoints of one class share them unless a rule looks at the source."""

    def __init__(self, listen: Iterable[str], allows: Callable[[], Allows], classes: EgressClasses) -> None:
        """``listen``: ``ADDRESS#PORT``, or ``ADDRESS``. ``allows`` is called where something is to judge. ``classes``
        follow the same policy and addresses, and keep what was judged until one of them changes."""
        self._addresses = addresses_of(listen)
        self._make_allows = allows
        self._allows: Allows | None = None
        self._classes = classes

    def may_query(self, endpoint: CompiledEndpoint) -> tuple[str, ...]:
        """``udp/ADDRESS`` and ``tcp/ADDRESS``, as ``link.messages.Identity`` wants them.

        What a host sends to itself never meets a host endpoint's policy: for those it is every address.
        """
        if not endpoint.is_workload:
            return tuple(f"{name}/{address}" for address in self._addresses for name in PROTOCOLS)
        facts = self._classes.of(endpoint.classes[(Stage.NORMAL, Direction.EGRESS)])
        if facts.looks_at_source:
            return tuple(self._judge(endpoint))
        versions = frozenset(address.version for address in endpoint.addresses)
        if versions not in facts.rights:
            facts.rights[versions] = tuple(self._judge(endpoint))
        return facts.rights[versions]

    def _judge(self, endpoint: CompiledEndpoint) -> Iterator[str]:
        allows = self._allows = self._allows or self._make_allows()
        for address in self._addresses:
            clients = [client for client in endpoint.addresses if client.version == address.version]
            for name, protocol in PROTOCOLS.items():
                # The entry stands for the endpoint, whichever of its addresses asks: all of them must be allowed.
                if clients and all(allows(endpoint, client, address, protocol) for client in clients):
                    yield f"{name}/{address}"
