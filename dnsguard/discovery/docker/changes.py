"""Which endpoints go before what is wanted is written, and which after that. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

from dnsguard.store.interface import Key, Object


class Going(NamedTuple):
    """Endpoints that are not wanted as they are."""

    first: frozenset[Key]
    """At another place now, or nowhere: an address that a container took over is never the endpoint of both."""

    last: frozenset[Key]
    """Under another name now: their place is never without an endpoint meanwhile."""


def going(wanted: Mapping[Key, Object], held: Mapping[Key, Object], unsettled: Mapping[str, frozenset[str]]) -> Going:
    """``held``: what is in the store; ``unsettled``: see `Wanted`."""
    places = {_place(value) for value in wanted.values()}
    first, last = set[Key](), set[Key]()
    for key, value in held.items():
        if (key in wanted and _place(value) == _place(wanted[key])) or _stays(value, unsettled):
            continue
        (last if _place(value) in places and key not in wanted else first).add(key)
    return Going(frozenset(first), frozenset(last))


def _place(value: Object) -> tuple[str, str, tuple[str, ...]]:
    """Where an endpoint is, whatever it is called: one at another place is another one."""
    spec = value["spec"]
    return spec.get("containerID", ""), spec.get("interfaceName", ""), tuple(spec.get("ipNetworks", ()))


def _stays(value: Object, unsettled: Mapping[str, frozenset[str]]) -> bool:
    """Whether an endpoint is of a container that is not looked into yet, and has no address that is not still its."""
    addresses = unsettled.get(value["spec"].get("containerID", ""))
    own = {each.partition("/")[0] for each in value["spec"].get("ipNetworks", ())}
    return addresses is not None and own <= addresses
