"""Whether the forwarder answers a client's query for a name, and why. Pure."""

from collections.abc import Iterable, Sequence

from dnsguard.calc.compiled import Compiled, CompiledEndpoint
from dnsguard.calc.evaluator.node import Node
from dnsguard.domains import name_text, wire_name
from dnsguard.domains.search import SearchDomains
from dnsguard.leases import OUTSIDERS
from dnsguard.link.messages import Identity, Snapshot


def query_answer(
    name: bytes,
    client: CompiledEndpoint | None,
    compiled: Compiled,
    snapshot: Snapshot,
    node: Node,
    listen: Sequence[str],
    denied: str = "REFUSED",
) -> str:
    """One sentence. ``listen``: where forwarders answer; ``denied``: what they answer where policy denies the name."""
    if client is None:
        return "the source is no known endpoint: its queries are answered where served_clients lists it"
    if not node.has(client):
        return f"the forwarder of node {client.node} answers its queries, and knows what it looked up"
    if not listen:
        return "no forwarder is connected: nobody answers its queries"
    identity = next((each for each in snapshot.identities if each.endpoint == str(client.id)), None)
    if identity is None:
        return "forwarders do not know the endpoint: its queries are those of a stranger"
    named = _is_named(name, identity, compiled)
    if identity.may_query:
        if snapshot.query_policy == "AllowListed" and not named:
            return f"its query is {denied}: dnsQueryPolicy is AllowListed, and no policy of it names this domain"
        return "its query is answered: its policy lets it send DNS"
    if named:
        return "its query is answered: its policy lets it send no DNS, but names this domain"
    if node.intercepts_dns:
        return (
            f"its query is answered where its policy lets it ask the server that it sends it to, else {denied}:"
            " its policy lets it send no DNS to the forwarder, and does not name this domain"
        )
    return f"its query is {denied}: its policy lets it send no DNS, and does not name this domain"


def answer_to_denied(name: bytes, search_domains: Iterable[str], query_refusal: str) -> str:
    """What a forwarder with these settings answers to a name that policy denies."""
    below = SearchDomains(map(wire_name, search_domains)).holding(name)
    if below is not None:
        return f"NXDOMAIN (so that resolvers with {name_text(below)} in their search list go on)"
    return "NXDOMAIN" if query_refusal == "NXDomain" else "REFUSED"


def lease_sets_of(client: CompiledEndpoint | None, snapshot: Snapshot) -> frozenset[str]:
    """The lease sets that look-ups of a client fill: those of its own policies, and those of host endpoints that judge
    what is forwarded for it."""
    name = OUTSIDERS if client is None else str(client.id)
    found = (each for each in snapshot.identities if each.endpoint == name)
    return frozenset(lease_set for each in found for lease_set in (*each.lease_sets, *each.forwarded))


def _is_named(name: bytes, identity: Identity, compiled: Compiled) -> bool:
    return any(
        pattern.matches(name)
        for lease_set in identity.lease_sets
        if lease_set in compiled.lease_sets
        for pattern in compiled.lease_sets[lease_set].patterns
    )
