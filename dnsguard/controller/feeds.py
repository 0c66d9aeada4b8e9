"""Compiled policy → what forwarders are told."""

from collections.abc import Callable

from dnsguard.calc.compiled import Compiled, CompiledEndpoint
from dnsguard.dataplane.naming import lease_set_names
from dnsguard.link.messages import Identity, LeaseSetFeed, Snapshot


def is_local(endpoint: CompiledEndpoint, node: str) -> bool:
    """An endpoint of this node, or of none; without a name of its own the node takes them all."""
    return not node or endpoint.node in ("", node)


def snapshot_of(
    compiled: Compiled,
    table: str,
    node: str,
    may_query: Callable[[CompiledEndpoint], tuple[str, ...]],
    query_policy: str = "AllowAll",
) -> Snapshot:
    """Everything, sorted; the revision is the link's to give."""
    local = [endpoint for endpoint in compiled.endpoints.values() if is_local(endpoint, node)]
    return Snapshot(
        revision=0,
        table=table,
        lease_sets=tuple(
            LeaseSetFeed(
                lease_set.id,
                *lease_set_names(lease_set.id),
                tuple(sorted({pattern.canonical for pattern in lease_set.patterns})),
            )
            for _, lease_set in sorted(compiled.lease_sets.items())
        ),
        identities=tuple(
            Identity(
                str(endpoint.id),
                tuple(str(address) for address in endpoint.addresses),
                tuple(sorted(compiled.lease_sets_of(endpoint))),
                may_query(endpoint),
            )
            for endpoint in sorted(local, key=lambda endpoint: str(endpoint.id))
            if endpoint.addresses
        ),
        query_policy=query_policy,
    )
