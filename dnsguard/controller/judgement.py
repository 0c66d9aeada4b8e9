"""Which of the forwarder's addresses an endpoint's egress policy lets it send DNS to.

A query is traffic too, also where interception takes it off the path on which the kernel would judge it. So the
verdict for (endpoint, forwarder address, UDP and TCP, port 53) is computed here and travels over the link.
"""

from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address

from dnsguard.calc.compiled import ANY, Address, Compiled, CompiledEndpoint, Direction, PolicyClass, Stage

DNS_PORT = 53
PROTOCOLS = (("udp", 17), ("tcp", 6))

Allows = Callable[[CompiledEndpoint, Address, Address, int], bool]
"""(endpoint, its address, forwarder address, protocol number) → whether its egress policy allows port 53."""


class Judgement:
    """Verdicts for one compiled policy. Endpoints of one class share them unless a rule looks at the source."""

    def __init__(self, compiled: Compiled, listen: Iterable[str], allows: Allows) -> None:
        """``listen``: ``ADDRESS#PORT``, or ``ADDRESS``."""
        self._compiled = compiled
        self._addresses = sorted({ip_address(text.partition("#")[0]) for text in listen}, key=lambda a: (a.version, a))
        self._allows = allows
        self._looks_at_source: dict[PolicyClass, bool] = {}
        self._shared: dict[tuple[PolicyClass, tuple[int, ...]], tuple[str, ...]] = {}

    def may_query(self, endpoint: CompiledEndpoint) -> tuple[str, ...]:
        """``udp/ADDRESS`` and ``tcp/ADDRESS``, as ``link.messages.Identity`` wants them.

        What a host sends to itself never meets a host endpoint's policy: for those it is every address.
        """
        if not endpoint.is_workload:
            return tuple(f"{name}/{address}" for address in self._addresses for name, _ in PROTOCOLS)
        policy_class = endpoint.classes[(Stage.NORMAL, Direction.EGRESS)]
        if self._source_matters(policy_class):
            return tuple(self._judge(endpoint))
        key = policy_class, tuple(sorted({address.version for address in endpoint.addresses}))
        if key not in self._shared:
            self._shared[key] = tuple(self._judge(endpoint))
        return self._shared[key]

    def _judge(self, endpoint: CompiledEndpoint) -> Iterator[str]:
        for address in self._addresses:
            clients = [client for client in endpoint.addresses if client.version == address.version]
            for name, protocol in PROTOCOLS:
                # The entry stands for the endpoint, whichever of its addresses asks: all of them must be allowed.
                if clients and all(self._allows(endpoint, client, address, protocol) for client in clients):
                    yield f"{name}/{address}"

    def _source_matters(self, policy_class: PolicyClass) -> bool:
        if policy_class not in self._looks_at_source:
            rules = [
                rule
                for tier in policy_class.tiers
                for policy in tier.policies
                for rule in self._compiled.policies[policy].egress
            ] + [rule for profile in policy_class.profiles for rule in self._compiled.profiles[profile].egress]
            self._looks_at_source[policy_class] = any(rule.source != ANY for rule in rules)
        return self._looks_at_source[policy_class]
