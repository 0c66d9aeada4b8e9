"""What may be leased because of what a server sent: the rules of learning in a page, nothing remembered of time."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from tests.fuzz import reading
from tests.support.dnswire import wire

NAT64 = IPv6Network("64:ff9b::/96")
NAT64_LOCAL = IPv6Network("64:ff9b:1::/48")
TRANSLATED = IPv6Network("::ffff:0:0:0/96")
COMPATIBLE = IPv6Network("::/96")


def carried(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address in an IPv6 address."""
    if address in NAT64_LOCAL and address.packed[6:12] != bytes(6):
        return IPv4Address(address.packed[6:8] + address.packed[9:11])
    if any(address in each for each in (NAT64, NAT64_LOCAL, TRANSLATED, COMPATIBLE)):
        return IPv4Address(address.packed[12:])
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


def special(address: IPv4Address | IPv6Address, own: Iterable[str]) -> bool:
    """Whether no name may open it."""
    if isinstance(address, IPv6Address) and (inner := carried(address)) is not None:
        return address.is_loopback or address.is_unspecified or special(inner, own)
    return (
        str(address) in own
        or address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or (isinstance(address, IPv4Address) and (address.packed[0] == 0 or str(address) == "255.255.255.255"))
    )


def leads(packet: bytes) -> tuple[list[tuple[bytes, bytes]], list[tuple[bytes, bytes]]]:
    """Aliases and (owner, address) pairs that an answer says of the name asked for; none where it is malformed."""
    try:
        read = reading.read_answer(packet, most_jumps=len(packet))
    except reading.Unreadable:
        return [], []
    aliases = [(owner, target) for owner, target, _ in read.aliases]
    return aliases, [(names[-1], address) for address, _, names, _ in read.addresses]


class Justified:
    """Everything that was said so far, for a client that asked for all of it and may reach names below ``suffix``."""

    def __init__(self, suffix: str, own: Iterable[str]) -> None:
        self._suffix = wire(suffix)
        self._own = frozenset(own)
        self._aliases: dict[bytes, set[bytes]] = {}
        self._addresses: dict[bytes, set[bytes]] = {}

    def said(self, packet: bytes) -> None:
        """The server sent this, to a question of ours."""
        aliases, addresses = leads(packet)
        for owner, target in aliases:
            self._aliases.setdefault(owner, set()).add(target)
        for owner, address in addresses:
            self._addresses.setdefault(owner, set()).add(address)

    def wanted(self, name: bytes) -> bool:
        """Whether policy lets the client reach it: at least one label before the suffix."""
        while len(name) > len(self._suffix):
            name = name[1 + name[0] :]
            if name == self._suffix:
                return True
        return False

    def may_open(self) -> set[str]:
        """Addresses, as text."""
        todo = [name for name in {*self._aliases, *self._addresses} if self.wanted(name)]
        reached = set(todo)
        while todo:
            new = self._aliases.get(todo.pop(), set()) - reached
            reached |= new
            todo += new
        return {text for name in reached for packed in self._addresses.get(name, ()) if (text := self.eligible(packed))}

    def eligible(self, packed: bytes) -> str:
        """As text; empty for what no name may open."""
        address = ip_address(packed)
        return "" if special(address, self._own) else str(address)

    def promised(self, answer: bytes) -> set[str]:
        """What a client may connect to at once when it was given this answer. Raises ``Unreadable``."""
        read = reading.read_answer(answer, most_jumps=len(answer))
        return {
            text
            for packed, _, names, _ in read.addresses
            if any(map(self.wanted, names)) and (text := self.eligible(packed))
        }
