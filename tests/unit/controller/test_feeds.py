import pytest

from dnsguard.controller.feeds import is_local, snapshot_of
from dnsguard.link.messages import Identity, LeaseSetFeed
from tests.unit.controller.policy import compiled, endpoint


def test_lease_sets_and_local_endpoints_travel_sorted() -> None:
    policy = compiled(
        endpoint("web", "192.0.2.8", "2001:db8::8"),
        endpoint("cart", "192.0.2.7", node="here"),
        endpoint("remote", "192.0.2.9", node="there"),
        endpoint("starting"),
        endpoint("eth0", "192.0.2.1", kind="HostEndpoint"),
    )
    told = snapshot_of(policy, "dnsguard", "here", lambda each: (f"udp/{each.id.name}",), "AllowListed")
    assert told.lease_sets == (LeaseSetFeed("s:names", "d4-names", "d6-names", ("*.example.org",)),)
    assert told.identities == (
        Identity("eth0", ("192.0.2.1",), ("s:names",), ("udp/eth0",)),
        Identity("shop/cart", ("192.0.2.7",), ("s:names",), ("udp/cart",)),
        Identity("shop/web", ("192.0.2.8", "2001:db8::8"), ("s:names",), ("udp/web",)),
    )
    assert (told.table, told.query_policy) == ("dnsguard", "AllowListed")


@pytest.mark.parametrize(
    ("of", "node", "local"), [("a", "a", True), ("", "a", True), ("b", "a", False), ("b", "", True)]
)
def test_whose_an_endpoint_is(of: str, node: str, local: bool) -> None:
    assert is_local(endpoint("x", node=of), node) is local
