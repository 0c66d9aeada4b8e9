"""What somebody asks about a connection, in terms of compiled policy. Pure."""

from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from api.models import ExplainQuery
from api.services import CannotExplain
from dnsguard.calc.compiled import Address, Compiled, CompiledEndpoint, Network
from dnsguard.calc.verdict import Evaluator
from dnsguard.domains import DomainNameError, wire_name
from dnsguard.resources.ports import PROTOCOL_NUMBERS, WITH_PORTS

_HOW_TO_FIND = "it is NAMESPACE/NAME; `dnsguard get workloadendpoints -A` lists them"

PROTOCOLS = {name.lower(): number for name, number in PROTOCOL_NUMBERS.items()}

UNSEEN_RANGES: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in ("203.0.113.0/24", "198.51.100.0/24", "192.0.2.0/24", "2001:db8:ffff:ffff::/120", "3fff:ffff::/120")
)
"""Reserved for documentation (RFC 5737, 3849, 9637): no answer leads there, so one can stand for any address."""


@dataclass(frozen=True, slots=True)
class Party:
    """One end of the connection."""

    text: str
    """What the question was taken for."""

    addresses: tuple[Address, ...]
    """Empty for a domain name."""

    endpoint: CompiledEndpoint | None = None
    name: bytes | None = None
    """Wire form of a domain name."""


@dataclass(frozen=True, slots=True)
class Question:
    """One connection."""

    source: Party
    destination: Party
    protocol: int
    port: int | None
    source_port: int | None

    @property
    def protocol_text(self) -> str:
        """``TCP port 443``, ``ICMP``, ``protocol 47``."""
        names = {number: name for name, number in PROTOCOL_NUMBERS.items()}
        name = names.get(self.protocol, f"protocol {self.protocol}")
        return name if self.port is None else f"{name} port {self.port}"

    def pairs(self) -> tuple[tuple[Address, Address], ...]:
        """Source and destination address, for each family that both have, IPv4 first."""
        return pairs(self.source.addresses, self.destination.addresses)


def question_of(query: ExplainQuery, compiled: Compiled, evaluator: Evaluator) -> Question:
    """Raises CannotExplain."""
    source = _party(query.source, "source", compiled, evaluator)
    destination = _party(query.destination, "destination", compiled, evaluator)
    if source.name is not None:
        raise CannotExplain("source", f"{query.source!r} is no address and no known endpoint: {_HOW_TO_FIND}")
    protocol = _protocol(query.protocol)
    if protocol in WITH_PORTS and query.port is None:
        raise CannotExplain("port", f"a port is needed for protocol {query.protocol}, as in {query.destination}:443")
    if protocol not in WITH_PORTS and query.port is not None:
        raise CannotExplain("port", f"protocol {query.protocol} has no ports")
    question = Question(source, destination, protocol, query.port, query.source_port)
    if destination.name is None and not question.pairs():
        raise CannotExplain("destination", f"{source.text} and {destination.text} have no IP family in common")
    return question


def pairs(sources: tuple[Address, ...], destinations: tuple[Address, ...]) -> tuple[tuple[Address, Address], ...]:
    """The first source address of a family with each destination address of it, IPv4 first."""
    found = []
    for version in (4, 6):
        source = next((address for address in sources if address.version == version), None)
        if source is not None:
            found += [(source, each) for each in destinations if each.version == version]
    return tuple(found)


def unseen_address(version: int, compiled: Compiled) -> Address:
    """An address that no endpoint has and no narrow CIDR of a set covers, to stand for one that DNS may lead to."""
    known = [
        net
        for member_set in compiled.member_sets.values()
        for net in member_set.networks
        if net.version == version and net.prefixlen > 8
    ]
    candidates = [net[1] for net in UNSEEN_RANGES if net.version == version]
    return next((each for each in candidates if not any(each in net for net in known)), candidates[0])


def _party(text: str, field: str, compiled: Compiled, evaluator: Evaluator) -> Party:
    try:
        address = ip_address(text)
    except ValueError:
        pass
    else:
        owner = evaluator.endpoint_of(address)
        return Party(f"{address} ({_described(owner)})" if owner else str(address), (address,), owner)
    for endpoint in compiled.endpoints.values():
        if str(endpoint.id) == text:
            if not endpoint.addresses:
                raise CannotExplain(field, f"{_described(endpoint)} has no address")
            return Party(_described(endpoint), endpoint.addresses, endpoint)
    if "/" in text:
        raise CannotExplain(field, f"there is no endpoint {text!r}: {_HOW_TO_FIND}")
    try:
        return Party(f"domain name {text}", (), None, wire_name(text))
    except DomainNameError as error:
        raise CannotExplain(
            field, f"{text!r} is no address, no known endpoint (namespace/name) and no domain name: {error}"
        ) from error


def _described(endpoint: CompiledEndpoint) -> str:
    return f"{'workload' if endpoint.is_workload else 'host'} endpoint {endpoint.id}"


def _protocol(value: str | int) -> int:
    text = str(value).strip().lower()
    if text in PROTOCOLS:
        return PROTOCOLS[text]
    if text.isascii() and text.isdigit() and int(text) <= 255:
        return int(text)
    raise CannotExplain(
        "protocol", f"{value!r} is no protocol: write TCP, UDP, SCTP, ICMP, ICMPv6, UDPLite or 0 to 255"
    )
