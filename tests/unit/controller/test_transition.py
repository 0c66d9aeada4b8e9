from dataclasses import replace

from dnsguard.controller.transition import as_judged, for_both
from dnsguard.link.difference import opens
from dnsguard.link.messages import Identity, Snapshot


def test_an_address_that_an_endpoint_gets_is_unknown_until_its_rules_stand() -> None:
    before = Identity("shop/cart", ("192.0.2.7", "192.0.2.8"), ("a",), ())
    wanted = Identity("shop/cart", ("192.0.2.8", "192.0.2.9"), ("b",), ("udp/192.0.2.53",))
    first = for_both(Snapshot(1, "t", (), (before,)), Snapshot(0, "t", (), (wanted,)))
    assert first.identities == (Identity("shop/cart", ("192.0.2.8",), ("a", "b"), ("udp/192.0.2.53",)),)


def test_after_a_restart_hosts_and_addresses_with_rules_are_told_of_at_once() -> None:
    host, outsiders = Identity("eth0", ("192.0.2.1",), (), ()), Identity("", (), (), (), ("a",))
    cart = Identity("shop/cart", ("192.0.2.7", "192.0.2.8"), ("a",), ())
    new = Identity("shop/new", ("192.0.2.9",), ("a",), ())
    told = as_judged(Snapshot(0, "t", (), (outsiders, host, cart, new)), {"192.0.2.7", "192.0.2.1"})
    assert told.identities == (outsiders, host, replace(cart, addresses=("192.0.2.7",)))


def test_what_outsiders_may_comes_before_the_rules_and_goes_after_them() -> None:
    cart = Identity("shop/cart", ("192.0.2.7",), ("a",), ())
    without = Snapshot(1, "t", (), (cart,))
    with_them = Snapshot(2, "t", (), (Identity("", (), (), (), ("a",)), cart))
    for before, wanted in ((without, with_them), (with_them, without)):
        assert for_both(before, wanted).identities == with_them.identities
    assert opens(without, for_both(without, with_them))
