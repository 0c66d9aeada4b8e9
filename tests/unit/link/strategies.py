"""Hypothesis strategies for the link's messages, and small samples of them."""

from hypothesis import strategies as st

from dnsguard.link.messages import (
    Ack,
    AskedServer,
    AskingRight,
    Delta,
    DnsConfiguration,
    DnsLogQuery,
    DnsLogReply,
    DnsLogStop,
    Hello,
    Identity,
    KnownAddress,
    KnownName,
    LearnedAlias,
    LearnedLease,
    LeaseSetFeed,
    LeasesQuery,
    LeasesReply,
    LeasesSearch,
    NameClient,
    NamesFound,
    NamesQuery,
    NamesReply,
    NamesSearch,
    RightsQuery,
    RightsReply,
    RightsVoid,
    SetUse,
    SetUses,
    Snapshot,
    Stats,
    Visited,
    VisitedNames,
    WithheldAddress,
)
from dnsguard.link.proof import Proof

text = st.text(st.characters(codec="utf-8"), max_size=12)
texts = st.lists(text, max_size=4).map(tuple)
names = st.sampled_from("abcdefgh")
numbers = st.integers(0, 2**53)
feeds = st.builds(LeaseSetFeed, id=names, kernel_set_v4=text, kernel_set_v6=text, patterns=texts)
identities = st.builds(Identity, endpoint=names, addresses=texts, lease_sets=texts, may_query=texts, forwarded=texts)
configurations = st.builds(
    DnsConfiguration,
    trusted_servers=texts,
    extra_ttl=st.floats(-1, 1e6, allow_nan=False),
    cache_epoch=numbers,
    no_delay=st.booleans(),
    hold=st.floats(0, 10, allow_nan=False),
    save_interval=st.floats(0, 1e6, allow_nan=False),
    dns_log=st.sampled_from(["", "All", "Off"]),
    dns_log_max_files=numbers,
    dns_log_max_file_size_mb=numbers,
)
leases = st.builds(
    LearnedLease,
    client=text,
    client_address=text,
    address=text,
    lease_sets=texts,
    names=texts,
    seconds_left=st.floats(0, 1e6, allow_nan=False),
)
withheld = st.builds(
    WithheldAddress, address=text, names=texts, reason=text, seconds_left=st.floats(0, 1e6, allow_nan=False)
)
aliases = st.builds(LearnedAlias, owner=text, target=text, seconds_left=st.floats(0, 1e6, allow_nan=False))
known_names = st.builds(
    KnownName,
    name=text,
    clients=st.lists(
        st.builds(
            NameClient,
            client=text,
            aliases=st.lists(aliases, max_size=2).map(tuple),
            addresses=st.lists(st.builds(KnownAddress, text, st.floats(0, 1e6, allow_nan=False)), max_size=2).map(
                tuple
            ),
            lease_sets=texts,
        ),
        max_size=2,
    ).map(tuple),
    clients_left_out=numbers,
)


def unique_feeds() -> st.SearchStrategy[tuple[LeaseSetFeed, ...]]:
    """Sorted by identifier, as the controller builds them."""
    many = st.lists(feeds, max_size=6, unique_by=lambda feed: feed.id)
    return many.map(lambda items: tuple(sorted(items, key=lambda feed: feed.id)))


def unique_identities() -> st.SearchStrategy[tuple[Identity, ...]]:
    many = st.lists(identities, max_size=6, unique_by=lambda identity: identity.endpoint)
    return many.map(lambda items: tuple(sorted(items, key=lambda identity: identity.endpoint)))


snapshots = st.builds(
    Snapshot,
    revision=numbers,
    table=text,
    lease_sets=unique_feeds(),
    identities=unique_identities(),
    query_policy=st.sampled_from(["AllowAll", "AllowListed"]),
    configuration=configurations,
)
messages = st.one_of(
    snapshots,
    st.builds(
        Delta,
        revision=numbers,
        base_revision=numbers,
        lease_sets=unique_feeds(),
        removed_lease_sets=texts,
        identities=unique_identities(),
        removed_identities=texts,
        configuration=st.lists(configurations, max_size=1).map(tuple),
    ),
    st.builds(
        DnsLogQuery, request=numbers, last=numbers, follow=st.booleans(), client=text, name=text, denied=st.booleans()
    ),
    st.builds(DnsLogStop, request=numbers),
    st.builds(SetUses, uses=st.lists(st.builds(SetUse, lease_set=text, policies=texts), max_size=3).map(tuple)),
    st.builds(DnsLogReply, request=numbers, lines=texts, lost=numbers, done=st.booleans(), problem=text),
    st.builds(LeasesQuery, request=numbers, client=text),
    st.builds(Hello, forwarder=text, listen=texts, revision=numbers),
    st.builds(Ack, revision=numbers, problem=text),
    st.builds(
        LeasesReply,
        request=numbers,
        leases=st.lists(leases, max_size=3).map(tuple),
        truncated=st.booleans(),
        aliases=st.lists(aliases, max_size=3).map(tuple),
        withheld=st.lists(withheld, max_size=3).map(tuple),
    ),
    st.builds(NamesQuery, request=numbers, visited=st.lists(st.builds(Visited, text, text), max_size=3).map(tuple)),
    st.builds(
        NamesReply,
        request=numbers,
        visited=st.lists(st.builds(VisitedNames, text, text, texts), max_size=3).map(tuple),
    ),
    st.builds(LeasesSearch, request=numbers, client=text, name=text, address=text, lease_set=text, limit=numbers),
    st.builds(NamesSearch, request=numbers, pattern=text, limit=numbers),
    st.builds(NamesFound, request=numbers, names=st.lists(known_names, max_size=3).map(tuple), truncated=st.booleans()),
    st.builds(RightsQuery, request=numbers, asked=st.lists(st.builds(AskedServer, text, text), max_size=3).map(tuple)),
    st.builds(
        RightsReply,
        request=numbers,
        rights=st.lists(st.builds(AskingRight, text, text, texts), max_size=3).map(tuple),
    ),
    st.builds(RightsVoid),
    st.builds(
        Stats,
        counters=st.dictionaries(text, numbers, max_size=3),
        upstreams=st.dictionaries(text, text, max_size=3),
        problems=texts,
        proof=st.builds(
            Proof,
            state=text,
            by=text,
            seconds_ago=st.floats(-1, 1e6, allow_nan=False),
            counts_for=st.floats(0, 1e6, allow_nan=False),
            problem=text,
            required=st.booleans(),
        ),
    ),
)


def feed(name: str, *patterns: str) -> LeaseSetFeed:
    return LeaseSetFeed(name, f"{name}_4", f"{name}_6", patterns)


def identity(endpoint: str, *addresses: str, lease_sets: tuple[str, ...] = ()) -> Identity:
    return Identity(endpoint, addresses, lease_sets, ())


def snapshot(
    revision: int = 0, lease_sets: tuple[LeaseSetFeed, ...] = (), identities: tuple[Identity, ...] = ()
) -> Snapshot:
    return Snapshot(revision, "dnsguard", lease_sets, identities)
