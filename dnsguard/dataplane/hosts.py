"""Host endpoints as maps of interfaces: who judges what comes and goes there. Pure."""

from collections.abc import Iterable, Iterator

from dnsguard.calc.compiled import CompiledEndpoint, Direction, Stage
from dnsguard.calc.evaluator.node import LOOPBACK, is_of_host
from dnsguard.dataplane import naming
from dnsguard.dataplane.additions import Additions
from dnsguard.dataplane.classes import ClassBuilder, ClassChain
from dnsguard.dataplane.hooks import HostStage, HostStages, failsafe_chain, host_map
from dnsguard.dataplane.sets import Entry, KeyType, VerdictMap, interface_key
from dnsguard.dataplane.settings import Settings

_EVERY_INTERFACE = "*"


class Hosts:
    """The host endpoints of one plan; it holds their classes until `release`."""

    def __init__(self, builder: ClassBuilder, additions: Additions, endpoints: Iterable[CompiledEndpoint]) -> None:
        self._builder = builder
        self._additions = additions
        self._used: list[ClassChain] = []
        self.stages: HostStages = {}
        self.maps: list[VerdictMap] = []
        self.warnings: list[str] = []
        named, every = self._bound(endpoints)
        for stage in Stage:
            for direction in Direction:
                self._place(stage, direction, named, every)

    def release(self) -> None:
        """Another one stands in its place."""
        for used in self._used:
            self._builder.give_back(used)

    def _bound(
        self, endpoints: Iterable[CompiledEndpoint]
    ) -> tuple[dict[str, CompiledEndpoint], CompiledEndpoint | None]:
        """Which endpoint each interface has, and which all the others have."""
        named: dict[str, CompiledEndpoint] = {}
        every: CompiledEndpoint | None = None
        for endpoint in sorted(endpoints, key=lambda item: item.id):
            if endpoint.interface == _EVERY_INTERFACE:
                if every is not None:
                    self.warnings.append(f"{endpoint.id}: {every.id} stands for every interface already")
                every = every or endpoint
                continue
            interfaces = list(_interfaces(endpoint, self._additions.settings))
            if not interfaces:
                self.warnings.append(f"{endpoint.id}: no interface of this node has one of its addresses; not enforced")
            for interface in interfaces:
                if not is_of_host(interface, self._additions.settings.workload_names):
                    whose = "the node's talk to itself" if interface == LOOPBACK else "workloads"
                    self.warnings.append(f"{endpoint.id}: {interface} is for {whose}; not enforced there")
                    continue
                if interface in named:
                    self.warnings.append(f"{endpoint.id}: {interface} belongs to {named[interface].id} already")
                named.setdefault(interface, endpoint)
        return named, every

    def _place(
        self, stage: Stage, direction: Direction, named: dict[str, CompiledEndpoint], every: CompiledEndpoint | None
    ) -> None:
        key = stage, direction
        if not any(key in endpoint.classes for endpoint in (*named.values(), *([every] if every else []))):
            return
        entries: dict[bytes, Entry] = {}
        for interface, endpoint in named.items():
            chain = self._chain(endpoint, stage, direction)
            entries[interface_key(interface)] = Entry(chain, naming.comment(str(endpoint.id)))
        canary = self._additions.settings.canary
        if canary is not None:
            # Judged as a workload, and by nobody else: its packets say nothing of what the host may do.
            entries[interface_key(canary.interface)] = Entry(None, "the self-test's")
        self.maps.append(VerdictMap(host_map(stage, direction), KeyType.INTERFACE, entries))
        everywhere = self._chain(every, stage, direction) if every else None
        self.stages[key] = HostStage(stage, direction, everywhere)

    def _chain(self, endpoint: CompiledEndpoint, stage: Stage, direction: Direction) -> str | None:
        policy_class = endpoint.classes.get((stage, direction))
        if policy_class is None:
            return None
        used = self._builder.take(policy_class, failsafe_chain(self._additions, stage, direction))
        self._used.append(used)
        return used.name


def _interfaces(endpoint: CompiledEndpoint, settings: Settings) -> Iterator[str]:
    if endpoint.interface:
        yield endpoint.interface
        return
    wanted = set(endpoint.addresses)
    for name, addresses in settings.interface_addresses:
        if wanted.intersection(addresses):
            yield name
