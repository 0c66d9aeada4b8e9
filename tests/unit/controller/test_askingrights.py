"""What forwarders are answered of servers that endpoints ask past them."""

from dnsguard.controller.askingrights import AskingRights
from dnsguard.link.messages import AskedServer, AskingRight, RightsQuery
from tests.unit.controller.running import SHOP, InForce

DNS = """
---
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: dns, namespace: shop}
spec:
  selector: app == 'cart'
  types: [Egress]
  egress:
    - {action: Allow, protocol: UDP, destination: {nets: [203.0.113.0/24], ports: [53]}}
    - {action: Allow, protocol: UDP, destination: {nets: ["2001:db8:9::/64"], ports: [53]}}
    - {action: Allow, protocol: TCP, destination: {nets: [203.0.113.53/32], ports: [53]}}
"""


def told(rights: AskingRights, endpoint: str, server: str) -> tuple[str, ...]:
    reply = rights.answer(RightsQuery(7, (AskedServer(endpoint, server),)))
    assert reply is not None
    assert reply.request == 7
    (right,) = reply.rights
    assert right == AskingRight(endpoint, server, right.transports)
    return right.transports


def test_a_query_is_judged_as_if_it_went_there() -> None:
    in_force = InForce(SHOP + DNS).enforcer.enforced
    assert in_force is not None
    rights = AskingRights(lambda: in_force.compiled, "here")
    assert told(rights, "shop/cart", "203.0.113.53") == ("udp", "tcp")
    assert told(rights, "shop/cart", "203.0.113.54") == ("udp",)
    assert told(rights, "shop/cart", "2001:db8:9::1") == ("udp",)
    assert told(rights, "shop/cart", "192.0.2.1") == ()
    assert told(rights, "shop/web", "192.0.2.1") == ("udp", "tcp")


def test_who_or_what_is_not_known_here_may_not() -> None:
    in_force = InForce(SHOP + DNS).enforcer.enforced
    assert in_force is not None
    rights = AskingRights(lambda: in_force.compiled, "here")
    assert told(rights, "shop/gone", "203.0.113.53") == ()
    assert told(rights, "shop/far", "203.0.113.53") == ()
    assert told(rights, "nobody", "203.0.113.53") == ()
    assert told(rights, "shop/cart", "no address") == ()
    assert told(rights, "shop/web", "2001:db8:9::1") == ()  # it has no address of that family


def test_the_policy_in_force_counts_and_before_there_is_one_nothing_is_said() -> None:
    closed, opened = InForce(SHOP).enforcer.enforced, InForce(SHOP + DNS).enforcer.enforced
    assert closed is not None
    assert opened is not None
    compiled = [None, closed.compiled, opened.compiled, closed.compiled]
    rights = AskingRights(lambda: compiled[0], "here")
    assert rights.answer(RightsQuery(1, ())) is None
    found = []
    while len(compiled) > 1:
        compiled.pop(0)
        found.append(told(rights, "shop/cart", "203.0.113.53"))
    assert found == [(), ("udp", "tcp"), ()]
