"""Compiled policy → what forwarders are told.

Which lease sets a client's look-ups feed follows from where its packets meet rules with domains::

    a workload of this node       egress of its own; where the packet is forwarded, of host endpoints, too
    a client that is no endpoint  what host endpoints say of forwarded packets
    a host endpoint               its egress for packets of the host itself, untracked ones included

A host endpoint is a client under the addresses of the interfaces that it judges, besides those that it says itself.

What did not change is not judged again, and an identity that stays what it was is the same object as before.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from dnsguard.calc.compiled import Address, Compiled, CompiledEndpoint, Direction, EndpointId, LeaseSet, Stage
from dnsguard.calc.evaluator.hosts import HostEndpoints
from dnsguard.calc.evaluator.node import Node
from dnsguard.controller.egress import EgressClasses, EgressFacts
from dnsguard.controller.identities import Identities
from dnsguard.controller.node import InterfaceAddresses
from dnsguard.controller.queryrights import Allows, QueryRights, addresses_of
from dnsguard.dataplane.naming import lease_set_names
from dnsguard.leases import OUTSIDERS
from dnsguard.link.messages import Identity, LeaseSetFeed, Snapshot
from dnsguard.span import exchanged

_OWN = (Stage.NORMAL, Stage.UNTRACKED)
"""Where packets of an endpoint itself meet its egress. The kernel judges untracked egress where packets of the host
leave it, so what is forwarded never comes there."""


@dataclass(frozen=True, slots=True)
class _Told:
    """What was made of one endpoint."""

    facts: tuple[EgressFacts, ...] = ()
    identity: Identity | None = None
    """None where forwarders need not know of it."""

    def holds(self) -> bool:
        """Whether the same would be made of it now, forwarded packets apart."""
        for facts in self.facts:  # noqa: SIM110 - ten thousand times for each change: a generator costs thrice as much
            if not facts.valid:
                return False
        return True


class Feeds:
    """Makes snapshots for one node."""

    def __init__(self, table: str, node: str, query_policy: str) -> None:
        self._table = table
        self._node = node
        self._query_policy = query_policy
        self._classes = EgressClasses()
        self._listen: frozenset[str] = frozenset()
        self._endpoints: tuple[CompiledEndpoint, ...] = ()
        """Held here so that no other object can take the place of one of them."""

        self._told: dict[int, _Told] = {}
        """By identity of the compiled endpoint: one for each."""

        self._hosts: list[CompiledEndpoint] = []
        """The host endpoints of this node among them."""

        self._void = False
        """Facts became void, and not all that was made of them is made anew yet."""

        self._forwarded: tuple[str, ...] = ()
        self._bound: Mapping[EndpointId, tuple[Address, ...]] = {}
        self._identities = Identities()
        self._fed: dict[str, tuple[LeaseSet, LeaseSetFeed]] = {}
        self._feeds: tuple[LeaseSetFeed, ...] = ()

    def snapshot(
        self,
        compiled: Compiled,
        listen: frozenset[str],
        allows: Callable[[], Allows],
        interfaces: InterfaceAddresses = (),
    ) -> Snapshot:
        """Everything, sorted; its revision is the link's to give. ``allows`` is called where something is to judge."""
        endpoints = tuple(compiled.endpoints.values())
        left, came = exchanged(self._endpoints, endpoints)
        self._void = self._classes.follow(compiled, addresses_of(listen)) or self._void
        hosts = self._hosts
        if any(not each.is_workload for several in (left, came) for each in several):
            hosts = [each for each in endpoints if not each.is_workload and each.is_on(self._node)]
        forwarded = self._forwarded_sets(hosts)
        bound = _bound(hosts, Node(self._node, interface_addresses=interfaces))
        rebound = {id(each): each for each in hosts if bound.get(each.id) != self._bound.get(each.id)}
        rerouted, judges_anew = forwarded != self._forwarded, listen != self._listen
        rights: QueryRights | None = None
        told = self._told.copy()
        for each in left:
            del told[id(each)]
        new: list[Identity] = []
        lost: list[Identity] = []
        concerned: Iterable[CompiledEndpoint] = endpoints
        if not (rerouted or judges_anew or self._void):
            concerned = (rebound | {id(each): each for each in came}).values()
        for endpoint in concerned:
            key = id(endpoint)
            before = made = told.get(key)
            if made is None or judges_anew or key in rebound or not made.holds():
                rights = rights or QueryRights(listen, allows, self._classes)
                known = before.identity if before is not None and key not in rebound else None
                made = self._make(endpoint, rights, forwarded, bound.get(endpoint.id, ()), known)
            elif rerouted and made.identity is not None and endpoint.is_workload:
                made = replace(made, identity=replace(made.identity, forwarded=forwarded))
            if before is not None and made is not before and made.identity == before.identity:
                made = replace(made, identity=before.identity)
            told[key] = made
            if made.identity is None:
                if before is not None and before.identity is not None:
                    lost.append(before.identity)
            elif before is None or made.identity is not before.identity:
                new.append(made.identity)
        gone = [*lost, *(self._told[id(each)].identity for each in left)]
        self._identities.change(
            [each.endpoint for each in gone if each is not None] + [OUTSIDERS] * (rerouted and not forwarded),
            new + [Identity(OUTSIDERS, (), (), (), forwarded)] * (rerouted and bool(forwarded)),
        )
        self._told, self._listen, self._forwarded, self._bound = told, listen, forwarded, bound
        self._endpoints, self._hosts, self._void = endpoints, hosts, False
        self._classes.keep(each.facts for each in told.values())
        return Snapshot(
            revision=0,
            table=self._table,
            lease_sets=self._lease_sets(compiled),
            identities=self._identities.all,
            query_policy=self._query_policy,
        )

    def _make(
        self,
        endpoint: CompiledEndpoint,
        rights: QueryRights,
        forwarded: tuple[str, ...],
        bound: tuple[Address, ...],
        known: Identity | None,
    ) -> _Told:
        """``known``: what was made of the same endpoint, with the same addresses. Ten thousand may have other policy at
        once, and to write their addresses down takes a fifth of the time."""
        addresses = known.addresses if known is not None else _written(endpoint, bound)
        if not addresses or not endpoint.is_on(self._node):
            return _Told()
        places = ((stage, Direction.EGRESS) for stage in _OWN)
        facts = tuple(self._classes.of(endpoint.classes[place]) for place in places if place in endpoint.classes)
        identity = Identity(
            known.endpoint if known is not None else str(endpoint.id),
            addresses,
            tuple(sorted({lease_set for each in facts for lease_set in each.lease_sets})),
            rights.may_query(endpoint),
            forwarded if endpoint.is_workload else (),
        )
        return _Told(facts, identity)

    def _forwarded_sets(self, hosts: Iterable[CompiledEndpoint]) -> tuple[str, ...]:
        """The lease sets of this node's host endpoints that forwarded packets meet: which of them a packet leaves by is
        the routes' to say, so look-ups feed those of all."""
        place = Stage.FORWARD, Direction.EGRESS
        found: set[str] = set()
        for endpoint in hosts:
            if place in endpoint.classes:
                found.update(self._classes.of(endpoint.classes[place]).lease_sets)
        return tuple(sorted(found))

    def _lease_sets(self, compiled: Compiled) -> tuple[LeaseSetFeed, ...]:
        fed: dict[str, tuple[LeaseSet, LeaseSetFeed]] = {}
        changed = len(self._fed) != len(compiled.lease_sets)
        for name, lease_set in compiled.lease_sets.items():
            before = self._fed.get(name)
            if before is None or (before[0] is not lease_set and before[0] != lease_set):
                before, changed = (lease_set, _feed(lease_set)), True
            fed[name] = before
        self._fed = fed
        if changed:
            self._feeds = tuple(fed[name][1] for name in sorted(fed))
        return self._feeds


def _written(endpoint: CompiledEndpoint, bound: tuple[Address, ...]) -> tuple[str, ...]:
    """Its addresses, each once."""
    return tuple(map(str, dict.fromkeys((*endpoint.addresses, *bound))))


def _bound(hosts: Iterable[CompiledEndpoint], node: Node) -> dict[EndpointId, tuple[Address, ...]]:
    """The addresses of the interfaces that a host endpoint judges: what the host itself sends there comes from them."""
    found: dict[EndpointId, tuple[Address, ...]] = {}
    judging = HostEndpoints(hosts, node)
    for interface, addresses in node.interface_addresses:
        endpoint = judging.at(interface)
        seen = tuple(each for each in addresses if not each.is_loopback and not each.is_link_local)
        if endpoint is not None and seen:
            found[endpoint.id] = found.get(endpoint.id, ()) + seen
    return found


def _feed(lease_set: LeaseSet) -> LeaseSetFeed:
    patterns = tuple(sorted({pattern.canonical for pattern in lease_set.patterns}))
    return LeaseSetFeed(lease_set.id, *lease_set_names(lease_set.id), patterns)
