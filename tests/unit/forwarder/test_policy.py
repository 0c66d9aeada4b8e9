from dnsguard.forwarder.policy import Policy, clients_of, feeds_of
from dnsguard.link.messages import Delta, Identity, LeaseSetFeed, Snapshot
from tests.unit.leases.naive import client, feed, packed

WEB = Identity("ns/web", ("10.0.0.1", "fd00::1"), ("a",), ("udp/10.0.0.53", "tcp/fd00::53"))


def test_what_is_well_formed_is_taken_and_the_rest_is_named() -> None:
    faults: list[str] = []
    feeds = feeds_of([LeaseSetFeed("a", "a-4", "a-6", ("*.example.org", "*", "WWW.Example.NET"))], faults)
    assert feeds == [feed("a", "*.example.org", "www.example.net")]
    clients = clients_of([Identity("ns/web", ("10.0.0.1", "10.0.0", "10.0.0.1"), ("a",), ())], faults)
    assert clients == [client("ns/web", "10.0.0.1", "a")]
    assert len(faults) == 2
    assert faults[0].startswith("lease set a: bad domain '*'")
    assert faults[1].startswith("endpoint ns/web: '10.0.0'")


def test_snapshot_and_deltas_fold() -> None:
    policy = Policy()
    policy.replace(Snapshot(3, "t", (), (WEB,), "AllowListed"))
    assert (policy.revision, policy.listed_only) == (3, True)
    assert policy.permissions["ns/web"].asks == {("udp", packed("10.0.0.53")), ("tcp", packed("fd00::53"))}
    other = Identity("ns/other", ("10.0.0.2",), (), ("udp/nowhere",))
    policy.apply(Delta(4, 3, (), (), (other,), ("ns/web",)))
    assert (policy.revision, set(policy.permissions)) == (4, {"ns/other"})
    assert policy.permissions["ns/other"].asks == frozenset()
