from ipaddress import ip_address

from dnsguard.forwarder.reports import leases_reply
from dnsguard.leases import LeaseBook
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
