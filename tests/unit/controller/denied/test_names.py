"""Names of addresses, from all forwarders."""

from ipaddress import ip_address

from dnsguard.controller.denied.names import AskedNames
from dnsguard.link.messages import NamesReply, Visited, VisitedNames

A, B, C = (ip_address(text).packed for text in ("10.0.0.2", "192.0.2.1", "2001:db8::1"))


class Forwarders:
    """Two, which know different names."""

    asked: tuple[Visited, ...] = ()

    async def names(self, visited: tuple[Visited, ...], seconds: float) -> tuple[NamesReply, ...]:
        assert seconds > 0
        self.asked = visited
        return (
            NamesReply(1, (VisitedNames("10.0.0.2", "192.0.2.1", ("www.example.org", "a.example.net")),)),
            NamesReply(1, (VisitedNames("10.0.0.2", "192.0.2.1", ("b.example.net", "www.example.org")),)),
            NamesReply(1, (VisitedNames("10.0.0.9", "192.0.2.1", ("not.asked",)),)),
        )


async def test_all_that_forwarders_know() -> None:
    link = Forwarders()
    found = await AskedNames(link)([(A, B), (A, C)])
    assert link.asked == (Visited("10.0.0.2", "192.0.2.1"), Visited("10.0.0.2", "2001:db8::1"))
    assert found == {(A, B): ("www.example.org", "a.example.net", "b.example.net")}
