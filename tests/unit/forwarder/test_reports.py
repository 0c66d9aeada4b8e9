from ipaddress import ip_address

from dnsguard.dns.eligible import Eligible
from dnsguard.forwarder.reports import leases_reply
from dnsguard.forwarder.withheld import Withheld
from dnsguard.leases import NODE, LeaseBook, Terms
from tests.unit.leases.naive import answer

CLIENT = ip_address("10.0.0.7")


def test_a_clients_aliases_are_told_with_its_leases() -> None:
    book = LeaseBook()
    facts = answer("www.example.org CNAME edge.example.net 100", "edge.example.net A 192.0.2.9 100")
    book.learn(CLIENT.packed, facts, 1_000.0)
    reply = leases_reply(book, 7, str(CLIENT), 1_010.0)
    assert [(lease.address, lease.names) for lease in reply.leases] == [
        ("192.0.2.9", ("www.example.org", "edge.example.net"))
    ]
    (alias,) = reply.aliases
    assert (alias.owner, alias.target) == ("www.example.org", "edge.example.net")
    assert alias.seconds_left >= reply.leases[0].seconds_left > 0, "no address outlasts the way to it"
    assert leases_reply(book, 7, "10.0.0.8", 1_010.0).aliases == ()
    assert leases_reply(book, 7, str(CLIENT), 99_999.0).aliases == ()
    assert leases_reply(book, 7, "", 1_010.0).aliases == (), "only where one client was asked for"


def test_what_was_withheld_from_a_client_and_from_the_node_is_told_too() -> None:
    book, withheld = LeaseBook(), Withheld(Eligible(set, None))
    withheld.take(book.scope_of(CLIENT.packed), answer("a.example.org A 127.0.0.1 100"), Terms(), 1_000.0, 0.0)
    withheld.take(NODE, answer("b.example.org A 127.0.0.2 100"), Terms(), 1_000.0, 0.0)
    reply = leases_reply(book, 7, str(CLIENT), 1_010.0, withheld)
    assert [(each.names, each.address, each.reason) for each in reply.withheld] == [
        (("a.example.org",), "127.0.0.1", "loopback"),
        (("b.example.org",), "127.0.0.2", "loopback"),
    ]
    assert [each.address for each in leases_reply(book, 7, "10.0.0.8", 1_010.0, withheld).withheld] == ["127.0.0.2"]
    assert leases_reply(book, 7, "", 1_010.0, withheld).withheld == (), "only where one client was asked for"
