"""Workload endpoints as maps and sets: who judges which address, and what may come from where. Pure.

Maps and sets that would be empty are left out, with the rules that ask them. So those of a node's first endpoints are
new: they come filled before any rule refers to them, however many endpoints there are.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from dnsguard.calc.compiled import CompiledEndpoint, Direction, EndpointId, Stage
from dnsguard.dataplane import naming
from dnsguard.dataplane.classes import ClassBuilder, ClassChain
from dnsguard.dataplane.ports import PORT_SETS, BridgePorts, Plugged, Plugging, port_keys
from dnsguard.dataplane.setnames import (
    BRIDGE_SET,
    INTERFACE_SET,
    PORT_SET,
    local_set,
    remote_set,
    source_set,
    unlocated_set,
    workload_map,
)
from dnsguard.dataplane.sets import Entry, HashSet, KeyType, Set, Since, VerdictMap, interface_key
from dnsguard.dataplane.tally import Tally

FAMILIES = 4, 6
ADDRESS_TYPE = {4: KeyType.IPV4, 6: KeyType.IPV6}
_LINK_TYPE = {4: KeyType.INTERFACE_IPV4, 6: KeyType.INTERFACE_IPV6}
_LENGTH_FAMILY = {4: 4, 16: 6}
_DIRECTIONS = Direction.EGRESS, Direction.INGRESS


class _Placed(NamedTuple):
    """A local endpoint with its class in each direction."""

    endpoint: CompiledEndpoint
    chains: Mapping[Direction, ClassChain]
    label: str


class Workloads:
    """Follows the workload endpoints that come and go. What it gives out stays as it is."""

    def __init__(self, builder: ClassBuilder) -> None:
        self._builder = builder
        self._placed: dict[int, _Placed] = {}
        """By identity of the endpoint."""

        self._claims: dict[bytes, tuple[_Placed, ...]] = {}
        """Whose an address is: of two endpoints with one address the first by name has it, for a packet can have one
        judge only."""

        self._contested: set[bytes] = set()
        self._unlocated: dict[int, EndpointId] = {}
        """By identity of the endpoint: those that name no interface."""

        self._entries: dict[tuple[Direction, int], dict[bytes, Entry]] = {
            (direction, family): {} for direction in _DIRECTIONS for family in FAMILIES
        }
        self._changed: dict[tuple[Direction, int], set[bytes]] = {place: set() for place in self._entries}
        """Keys of entries, since the maps were given out."""

        self._maps: dict[tuple[Direction, int], VerdictMap] = {}
        types = {
            local_set: ADDRESS_TYPE,
            remote_set: ADDRESS_TYPE,
            unlocated_set: ADDRESS_TYPE,
            source_set: _LINK_TYPE,
        }
        named = {name(family): key_types[family] for name, key_types in types.items() for family in FAMILIES}
        interfaces = {INTERFACE_SET: KeyType.INTERFACE, BRIDGE_SET: KeyType.INTERFACE}
        self._tallies = {name: Tally(name, key_type) for name, key_type in {**interfaces, **named, **PORT_SETS}.items()}
        self._behind: dict[str, dict[int, CompiledEndpoint]] = {}
        """Endpoints by interface, and there by identity."""

        self._bridges: Mapping[str, str] = {}
        """Port → the bridge that it is plugged into."""

        self._plugged = Plugging()

    def plug(self, ports: BridgePorts, listed: tuple[str, ...], managed: tuple[str, ...]) -> None:
        """These interfaces are ports of these bridges; ``listed`` are the names of what is for workloads, ``managed``
        bridges of which every port is."""
        before = self._plugged.ports
        self._plugged.follow(ports, listed, managed)
        if ports is before or ports == before:
            return
        names = {port for port, _ in {*before} ^ {*ports}}
        moved = [each for name in names for each in self._behind.get(name, {}).values()]
        for endpoint in moved:
            self._unlink(endpoint)
        self._bridges = dict(ports)
        for endpoint in moved:
            self._link(endpoint)

    def put(self, endpoint: CompiledEndpoint, local: bool) -> None:
        """An endpoint is new. Raises KeyError where its classes ask for policy that there is none of."""
        if not local:
            for family in FAMILIES:
                self._tallies[remote_set(family)].add(_packed(endpoint, family))
            return
        chains = {direction: self._builder.take(endpoint.classes[Stage.NORMAL, direction]) for direction in _DIRECTIONS}
        placed = self._placed[id(endpoint)] = _Placed(endpoint, chains, naming.comment(str(endpoint.id)))
        for key in dict.fromkeys(address.packed for address in endpoint.addresses):
            claims = (*self._claims.get(key, ()), placed)
            self._claim(key, tuple(sorted(claims, key=_identity)) if len(claims) > 1 else claims)
        if endpoint.interface:
            self._behind.setdefault(endpoint.interface, {})[id(endpoint)] = endpoint
        else:
            self._unlocated[id(endpoint)] = endpoint.id
        self._link(endpoint)

    def take(self, endpoint: CompiledEndpoint, local: bool) -> None:
        """An endpoint is gone."""
        if not local:
            for family in FAMILIES:
                self._tallies[remote_set(family)].remove(_packed(endpoint, family))
            return
        placed = self._placed.pop(id(endpoint))
        self._unlocated.pop(id(endpoint), None)
        for key in dict.fromkeys(address.packed for address in endpoint.addresses):
            self._claim(key, tuple(claim for claim in self._claims[key] if claim is not placed))
        self._unlink(endpoint)
        behind = self._behind.get(endpoint.interface, {})
        behind.pop(id(endpoint), None)
        if not behind:
            self._behind.pop(endpoint.interface, None)
        for chain in placed.chains.values():
            self._builder.give_back(chain)

    def refresh(self) -> None:
        """Classes have other chains now."""
        for key, claims in self._claims.items():
            self._enter(key, claims[0])

    def sets(self) -> tuple[Set, ...]:
        """The maps and sets as they are now. Those that did not change are the same objects."""
        for place, changed in self._changed.items():
            if changed:
                self._renew(place, frozenset(changed))
                changed.clear()
        return (*(self._maps[place] for place in self._entries if place in self._maps), *self._hash_sets())

    def bridges(self) -> tuple[str, ...]:
        """The names of those with workloads, and of those that are for workloads."""
        return tuple(sorted(key.rstrip(b"\0").decode() for key in self._plug_sets().bridges.keys))

    def port_sets(self) -> tuple[HashSet, ...]:
        """Those of the table of family ``bridge``; none where no bridge has workloads."""
        plugged = self._plug_sets()
        if not plugged.bridges.keys:
            return ()
        made = *(self._tallies[name].made() for name in PORT_SETS), plugged.managed, plugged.closed, plugged.others
        return tuple(item for item in made if item.keys)

    def warnings(self) -> Iterator[str]:
        """Who lost an address to whom, and who may be borrowed from."""
        lost = [
            (claim.endpoint.id, position, str(address), self._claims[key][0].endpoint.id)
            for key in self._contested
            for claim in self._claims[key][1:]
            for position, address in enumerate(claim.endpoint.addresses)
            if address.packed == key
        ]
        for loser, _, address_text, owner in sorted(lost):
            yield f"{loser}: {address_text} belongs to {owner} already"
        for nowhere in sorted(self._unlocated.values()):
            yield f"{nowhere}: names no interface, so whoever sends with its address is taken for it"
        for bridge in sorted({*self._bridges.values()} & self._behind.keys()):
            for whole in sorted(endpoint.id for endpoint in self._behind[bridge].values()):
                yield f"{whole}: names the bridge {bridge}, so all on it may use its address: name the port"

    def _claim(self, key: bytes, claims: tuple[_Placed, ...]) -> None:
        if len(claims) > 1:
            self._contested.add(key)
        else:
            self._contested.discard(key)
        if claims:
            self._claims[key] = claims
            self._enter(key, claims[0])
            return
        del self._claims[key]
        family = _LENGTH_FAMILY[len(key)]
        for direction in _DIRECTIONS:
            del self._entries[direction, family][key]
            self._changed[direction, family].add(key)
        self._tallies[local_set(family)].remove([key])

    def _enter(self, key: bytes, owner: _Placed) -> None:
        family = _LENGTH_FAMILY[len(key)]
        for direction in _DIRECTIONS:
            entry = Entry(owner.chains[direction].name, owner.label)
            entries = self._entries[direction, family]
            before = entries.get(key)
            if before != entry:
                entries[key] = entry
                self._changed[direction, family].add(key)
                if before is None and direction is Direction.EGRESS:
                    self._tallies[local_set(family)].add([key])

    def _renew(self, place: tuple[Direction, int], changed: frozenset[bytes]) -> None:
        direction, family = place
        known = self._maps.pop(place, None)
        # Endpoints come and go, and what was given out must not change.
        entries = self._entries[place].copy()
        if entries:
            since = None if known is None else Since(known.entries, changed)
            name = workload_map(direction, family)
            self._maps[place] = VerdictMap(name, ADDRESS_TYPE[family], entries, since=since)

    def _link(self, endpoint: CompiledEndpoint) -> None:
        for name, keys in _links(endpoint, self._bridges.get(endpoint.interface)):
            self._tallies[name].add(keys)

    def _unlink(self, endpoint: CompiledEndpoint) -> None:
        for name, keys in _links(endpoint, self._bridges.get(endpoint.interface)):
            self._tallies[name].remove(keys)

    def _plug_sets(self) -> Plugged:
        return self._plugged.sets(self._tallies[PORT_SET].made(), self._tallies[BRIDGE_SET].made())

    def _hash_sets(self) -> Iterator[HashSet]:
        for family in FAMILIES:
            for name in local_set(family), remote_set(family):
                made = self._tallies[name].made()
                if made.keys:
                    yield made
        located = [self._tallies[INTERFACE_SET].made(), self._plug_sets().bridges]
        if any(item.keys for item in located):
            names = (name(family) for family in FAMILIES for name in (source_set, unlocated_set))
            located += (self._tallies[name].made() for name in names)
            yield from (item for item in located if item.keys)


def _identity(placed: _Placed) -> EndpointId:
    return placed.endpoint.id


def _packed(endpoint: CompiledEndpoint, family: int) -> list[bytes]:
    return [address.packed for address in endpoint.addresses if address.version == family]


def _links(endpoint: CompiledEndpoint, bridge: str | None) -> Iterable[tuple[str, list[bytes]]]:
    """The sets that say where an endpoint's packets may come from, and its keys there."""
    if bridge is not None:
        yield from port_keys(endpoint, bridge)
    elif endpoint.interface:
        interface = interface_key(endpoint.interface)
        yield INTERFACE_SET, [interface]
        for family in FAMILIES:
            yield source_set(family), [interface + packed for packed in _packed(endpoint, family)]
    else:
        for family in FAMILIES:
            yield unlocated_set(family), _packed(endpoint, family)
