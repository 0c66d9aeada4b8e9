"""Networks and addresses as fields of a resource."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Annotated, Any
from weakref import WeakValueDictionary

from dnsguard.resources.model import AS_TEXT
from dnsguard.resources.problems import Problem, kind_of_value, refused
from dnsguard.resources.reading import reads, string

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

REMEMBERED = 32_768
"""Networks of rules that are read by a look-up when they come again. Reading one takes some 10 us; one that is
remembered takes some 600 bytes, mostly shared with its resource."""

MOST_HELD = 1_048_576
"""Networks of sets that are found again while anything holds them; what goes beyond is read anew."""


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Net:
    """A network, and how the user wrote it."""

    text: str
    network: Network

    def __str__(self) -> str:
        return self.text

    @property
    def warning(self) -> str | None:
        """What who writes it should know: that bits beyond its prefix count for nothing."""
        written, first = self.text.partition("/")[0], self.network.network_address
        if written == str(first) or _address(self.text) == first:  # comparing texts takes a fifth of reading one
            return None
        return f"{self.text} means {self.network}"


def read_rule_net(value: Any) -> Net:
    """A CIDR of a rule: with a prefix length, and no bits set beyond it (V-40)."""
    return _rule_net(_text(value))


@lru_cache(REMEMBERED)
def _rule_net(text: str) -> Net:
    net = _block(text)
    address = _address(text)
    if address != net.network.network_address:
        raise refused(
            "V-40",
            f"{text!r} has bits set beyond its prefix: write {net.network} or {address}/{net.network.max_prefixlen}",
        )
    return net


_held: WeakValueDictionary[str, Net] = WeakValueDictionary()
"""By text: those of sets that some resource holds. Of a long list mostly one entry changes; a cache of the newest ones
finds none of a list that is longer than it."""


def read_set_net(value: Any) -> Net:
    """A CIDR or bare address of a network set; bits beyond the prefix are masked off (V-18)."""
    text = _text(value)
    net = _held.get(text)
    if net is None:
        net = Net(text, _network(text, "V-18"))
        if len(_held) < MOST_HELD:
            _held[text] = net
    return net


def read_block(value: Any) -> Net:
    """A CIDR with a prefix length (V-40); bits beyond it are masked off."""
    return _block(_text(value))


def _block(text: str) -> Net:
    network = _network(text, "V-40")
    if "/" not in text:
        raise refused("V-40", f"{text!r} is an address, not a CIDR: write {network}")
    return Net(text, network)


def read_host_net(value: Any) -> Net:
    """Exactly one address, bare or as /32 or /128 (V-28)."""
    text = _text(value)
    network = _network(text, "V-28")
    if network.prefixlen != network.max_prefixlen:
        raise refused(
            "V-28",
            f"{text!r} is a network: an endpoint has single addresses, write {_address(text)}/{network.max_prefixlen}",
        )
    return Net(text, network)


def read_address(value: Any) -> Address:
    """One address without prefix length."""
    text = _text(value)
    try:
        return ip_address(_without_zone(text, "type"))
    except ValueError:
        raise refused("type", f"{text!r} is no IPv4 or IPv6 address") from None


def duplicate_problems(field: str, nets: Iterable[Net] | None, code: str) -> Iterable[Problem]:
    """The same network twice in one list."""
    seen: dict[Network, int] = {}
    for index, net in enumerate(nets or ()):
        first = seen.setdefault(net.network, index)
        if first != index:
            yield Problem((field, index), code, f"{net.text} is the same network as item {first}: write it once")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise refused("type", f"must be a string, not {kind_of_value(value)}")
    return value


def _network(text: str, code: str) -> Network:
    _, slash, length = _without_zone(text, code).partition("/")
    # ip_network would also take a netmask or a hostmask behind the slash
    if slash and not (length.isascii() and length.isdigit() and len(length) <= 3):
        raise refused(code, f"{text!r} is no CIDR: write a prefix length behind the slash, as 192.0.2.0/24")
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise refused(
            code, f"{text!r} is no CIDR: write an IPv4 or IPv6 network, as 192.0.2.0/24 or 2001:db8::/32"
        ) from None


def _address(text: str) -> Address:
    """The address of what was read as a network."""
    return ip_address(text.partition("/")[0])


def _without_zone(text: str, code: str) -> str:
    if "%" in text:
        raise refused(code, f"{text!r} names an interface with %: write the address alone")
    return text


_DIGITS = "[0-9A-Fa-f:.]+"
CIDR = string(f"{_DIGITS}/[0-9]{{1,3}}", format="cidr")
CIDR_OR_ADDRESS = string(f"{_DIGITS}(?:/[0-9]{{1,3}})?")
ADDRESS = string(_DIGITS, format="ip")
RuleNet = Annotated[Net, reads(read_rule_net, CIDR), AS_TEXT]
SetNet = Annotated[Net, reads(read_set_net, CIDR_OR_ADDRESS), AS_TEXT]
Block = Annotated[Net, reads(read_block, CIDR), AS_TEXT]
HostNet = Annotated[Net, reads(read_host_net, CIDR_OR_ADDRESS), AS_TEXT]
IPAddress = Annotated[Address, reads(read_address, ADDRESS), AS_TEXT]
