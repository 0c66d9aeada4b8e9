"""Compiled policy → what forwarders are told."""

from collections.abc import Callable
from dataclasses import dataclass

from dnsguard.calc.compiled import Compiled, CompiledEndpoint, LeaseSet
from dnsguard.controller.judgement import Allows, Judgement
from dnsguard.dataplane.naming import lease_set_names
from dnsguard.link.messages import Identity, LeaseSetFeed, Snapshot


def is_local(endpoint: CompiledEndpoint, node: str) -> bool:
    """An endpoint of this node, or of none; without a name of its own the node takes them all."""
    return not node or endpoint.node in ("", node)


@dataclass(frozen=True, slots=True)
class _Told:
    """What was told last, and of what."""

    compiled: Compiled
    listen: frozenset[str]
    identities: dict[int, tuple[CompiledEndpoint, Identity]]
    """By identity of the compiled endpoint, which is held here so that no other object can take its place."""

    def judges_like(self, compiled: Compiled, listen: frozenset[str]) -> bool:
        """Whether an endpoint that is the same has the same identity still."""
        old = self.compiled
        return (
            listen == self.listen
            and old.policies == compiled.policies
            and old.profiles == compiled.profiles
            and old.member_sets == compiled.member_sets
            and old.port_sets == compiled.port_sets
        )


class Feeds:
    """Makes snapshots for one node. Endpoints that did not change cost nearly nothing, unless their policy did."""

    def __init__(self, table: str, node: str, query_policy: str) -> None:
        self._table = table
        self._node = node
        self._query_policy = query_policy
        self._told: _Told | None = None
        self._fed: dict[str, tuple[LeaseSet, LeaseSetFeed]] = {}

    def snapshot(self, compiled: Compiled, listen: frozenset[str], allows: Callable[[], Allows]) -> Snapshot:
        """Everything, sorted; its revision is the link's to give. ``allows`` is called where something is to judge."""
        known: dict[int, tuple[CompiledEndpoint, Identity]] = {}
        if self._told is not None and self._told.judges_like(compiled, listen):
            known = self._told.identities
        judgement: Judgement | None = None
        identities: dict[int, tuple[CompiledEndpoint, Identity]] = {}
        for endpoint in compiled.endpoints.values():
            if not endpoint.addresses or not is_local(endpoint, self._node):
                continue
            if id(endpoint) in known:
                identities[id(endpoint)] = known[id(endpoint)]
                continue
            judgement = judgement or Judgement(compiled, listen, allows())
            identities[id(endpoint)] = endpoint, _identity(endpoint, compiled, judgement.may_query(endpoint))
        self._told = _Told(compiled, listen, identities)
        return Snapshot(
            revision=0,
            table=self._table,
            lease_sets=self._lease_sets(compiled),
            identities=tuple(sorted((each for _, each in identities.values()), key=lambda each: each.endpoint)),
            query_policy=self._query_policy,
        )

    def _lease_sets(self, compiled: Compiled) -> tuple[LeaseSetFeed, ...]:
        fed: dict[str, tuple[LeaseSet, LeaseSetFeed]] = {}
        for name, lease_set in sorted(compiled.lease_sets.items()):
            before = self._fed.get(name)
            fed[name] = before if before is not None and before[0] == lease_set else (lease_set, _feed(lease_set))
        self._fed = fed
        return tuple(feed for _, feed in fed.values())


def _feed(lease_set: LeaseSet) -> LeaseSetFeed:
    patterns = tuple(sorted({pattern.canonical for pattern in lease_set.patterns}))
    return LeaseSetFeed(lease_set.id, *lease_set_names(lease_set.id), patterns)


def _identity(endpoint: CompiledEndpoint, compiled: Compiled, may_query: tuple[str, ...]) -> Identity:
    return Identity(
        str(endpoint.id),
        tuple(str(address) for address in endpoint.addresses),
        tuple(sorted(compiled.lease_sets_of(endpoint))),
        may_query,
    )
