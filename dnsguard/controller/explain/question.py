"""What somebody asks about a connection, in terms of compiled policy. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from dnsguard.api.services import CannotExplain
from dnsguard.api.views.explaining import ExplainQuery
from dnsguard.calc.compiled import Address, Compiled, CompiledEndpoint, Network
from dnsguard.calc.evaluator.packet import ICMP, ICMPV6, TCP
from dnsguard.controller.explain.written import Written
from dnsguard.domains import DomainNameError, name_text, wire_name
from dnsguard.resources.ports import MAX_PORT, PROTOCOL_NUMBERS, WITH_PORTS

_HOW_TO_FIND = "it is NAMESPACE/NAME; `dnsguard get workloadendpoints -A` lists them"
_KINDS = {
    "workloadendpoint": "WorkloadEndpoint",
    "wep": "WorkloadEndpoint",
    "hostendpoint": "HostEndpoint",
    "hep": "HostEndpoint",
}
_ECHO_REQUEST = {ICMP: 8, ICMPV6: 128}
_PROTOCOLS = {name.lower(): number for name, number in PROTOCOL_NUMBERS.items()}
_NAMES = {number: name for name, number in PROTOCOL_NUMBERS.items()}


@dataclass(frozen=True, slots=True)
class Party:
    """One end of the connection. One of ``addresses``, ``network`` and ``name`` is there."""

    text: str
    """What the question was taken for."""

    short: str
    """The same for a sentence that has no room."""

    addresses: tuple[Address, ...] = ()
    endpoint: CompiledEndpoint | None = None
    network: Network | None = None
    name: bytes | None = None
    """Wire form of a domain name."""

    by_name: bool = False
    """Whether it is the endpoint that was asked for, and not one of its addresses."""

    @property
    def families(self) -> set[int]:
        """The IP versions that it has; a domain name may have both."""
        if self.name is not None:
            return {4, 6}
        if self.network is not None:
            return {self.network.version}
        return {address.version for address in self.addresses}


@dataclass(frozen=True, slots=True)
class Question:
    """One connection."""

    source: Party
    destination: Party
    protocol: int
    port: int | None = None
    source_port: int | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None

    @property
    def families(self) -> set[int]:
        """The IP versions in which both ends can meet, by this protocol."""
        by_protocol = {ICMP: {4}, ICMPV6: {6}}.get(self.protocol, {4, 6})
        return self.source.families & self.destination.families & by_protocol

    @property
    def protocol_text(self) -> str:
        """``TCP port 443``, ``ICMP echo request``, ``protocol 47``."""
        name = _name(self.protocol)
        if self.port is not None:
            origin = "" if self.source_port is None else f" from port {self.source_port}"
            return f"{name} port {self.port}{origin}"
        if self.icmp_type is None:
            return name
        if (self.icmp_type, self.icmp_code) == (_ECHO_REQUEST.get(self.protocol), 0):
            return f"{name} echo request"
        return f"{name} type {self.icmp_type}" + ("" if self.icmp_code is None else f" code {self.icmp_code}")


def question_of(query: ExplainQuery, compiled: Compiled, written: Written) -> Question:
    """Raises CannotExplain."""
    source = _party(query.source, "source", compiled)
    destination = _party(query.destination, "destination", compiled)
    if source.name is not None:
        raise CannotExplain("source", f"{query.source!r} is no address and no known endpoint: {_HOW_TO_FIND}")
    protocol, port = _protocol_and_port(query, destination, written)
    icmp_type, icmp_code = _icmp(query, protocol)
    question = Question(source, destination, protocol, port, query.source_port, icmp_type, icmp_code)
    common = source.families & destination.families
    if not common:
        raise CannotExplain("destination", f"{source.text} and {destination.text} have no IP family in common")
    if not question.families:
        raise CannotExplain(
            "protocol",
            f"{_name(protocol)} belongs to IPv{4 if protocol == ICMP else 6}, which {source.text} and "
            f"{destination.text} do not both have: ask for {_name(ICMPV6 if protocol == ICMP else ICMP)}",
        )
    return question


def _party(text: str, field: str, compiled: Compiled) -> Party:
    try:
        address = ip_address(text)
    except ValueError:
        pass
    else:
        return _of_address(address, compiled)
    network = _network(text)
    if network is not None:
        if network.num_addresses == 1:
            return _of_address(network[0], compiled)
        return Party(f"network {network}", str(network), network=network)
    found = [] if text.endswith(".") else list(_candidates(text, compiled))
    may_be_name = field == "destination" and "." in text and "/" not in text
    if len(found) > 1 or (found and may_be_name):
        said = [f"{each.id.kind.lower()}/{each.id}" for each in found]
        said += [f"{text}. (the domain name)"] if may_be_name else []
        raise CannotExplain(field, f"{text!r} may mean several things: write one of {', '.join(said)}")
    if not found:
        return _of_name(text, field)
    (endpoint,) = found
    if not endpoint.addresses:
        instead = "" if endpoint.is_workload else ": ask for an address of its node instead"
        raise CannotExplain(field, f"{_described(endpoint)} has no address{instead}")
    return Party(_described(endpoint), str(endpoint.id), endpoint.addresses, endpoint, by_name=True)


def _network(text: str) -> Network | None:
    try:
        return ip_network(text, strict=False) if "/" in text else None
    except ValueError:
        return None


def _of_address(address: Address, compiled: Compiled) -> Party:
    """An address is taken for the endpoint that it belongs to, as packets are."""
    owners = [each for each in compiled.endpoints.values() if address in each.addresses]
    owner = min(owners, key=lambda each: (not each.is_workload, each.id), default=None)
    if owner is None:
        return Party(str(address), str(address), (address,))
    return Party(f"{address} ({_described(owner)})", f"{owner.id} ({address})", (address,), owner)


def _candidates(text: str, compiled: Compiled) -> Iterator[CompiledEndpoint]:
    """The endpoints that somebody may call so: by name, by kind and name, by the last part of the name."""
    word, _, rest = text.partition("/")
    kind = _KINDS.get(word.lower())
    for identity, endpoint in sorted(compiled.endpoints.items()):
        called = (str(identity), identity.name)
        if text in called or (kind == identity.kind and rest in called):
            yield endpoint


def _of_name(text: str, field: str) -> Party:
    if "/" in text:
        raise CannotExplain(field, f"there is no endpoint {text!r}: {_HOW_TO_FIND}")
    if "*" in text:
        raise CannotExplain(field, f"{text!r} is a pattern: ask for one of the names that it stands for")
    try:
        wire = wire_name(text)
    except DomainNameError as error:
        raise CannotExplain(
            field, f"{text!r} is no address, no known endpoint (namespace/name) and no domain name: {error}"
        ) from error
    return Party(f"domain name {name_text(wire)}", name_text(wire), name=wire)


def _described(endpoint: CompiledEndpoint) -> str:
    return f"{'workload' if endpoint.is_workload else 'host'} endpoint {endpoint.id}"


def _protocol_and_port(query: ExplainQuery, destination: Party, written: Written) -> tuple[int, int | None]:
    protocol = None if query.protocol is None else _protocol(query.protocol)
    if isinstance(query.port, str) and not (query.port.isascii() and query.port.isdigit()):
        return _named_port(query.port, protocol, destination, written)
    port = None if query.port is None else int(str(query.port)[:6])
    protocol = TCP if protocol is None else protocol
    if port is not None and not 1 <= port <= MAX_PORT:
        raise CannotExplain("port", f"{query.port} is no port: write 1 to {MAX_PORT}")
    if protocol in WITH_PORTS and port is None:
        host = f"[{query.destination}]" if ":" in query.destination else query.destination
        raise CannotExplain("port", f"a port is needed for {_name(protocol)}, as in {host}:443")
    for field, value in (("port", port), ("sourcePort", query.source_port)):
        if protocol not in WITH_PORTS and value is not None:
            raise CannotExplain(field, f"policy knows no ports of {_name(protocol)}: leave it out")
    return protocol, port


def _named_port(name: str, protocol: int | None, destination: Party, written: Written) -> tuple[int, int]:
    if destination.endpoint is None:
        raise CannotExplain("port", f"{name!r} is no number, and {destination.short} is no endpoint with named ports")
    declared = sorted(written.ports(destination.endpoint.id))
    found = {(number, port) for named, number, port in declared if named == name and protocol in (None, number)}
    if len(found) == 1:
        return found.pop()
    said = ", ".join(f"{named} ({_name(number)} {port})" for named, number, port in declared) or "none"
    has = "several ports" if found else "no port"
    raise CannotExplain("port", f"{destination.endpoint.id} has {has} named {name!r}: it declares {said}")


def _icmp(query: ExplainQuery, protocol: int) -> tuple[int | None, int | None]:
    """Type and code; those of an echo request where nothing is said."""
    if protocol not in _ECHO_REQUEST:
        for field, value in (("icmpType", query.icmp_type), ("icmpCode", query.icmp_code)):
            if value is not None:
                raise CannotExplain(field, f"{_name(protocol)} has no types and codes: ICMP and ICMPv6 have")
        return None, None
    if query.icmp_type is not None:
        return query.icmp_type, query.icmp_code
    if query.icmp_code is not None:
        raise CannotExplain("icmpType", "a code needs a type")
    return _ECHO_REQUEST[protocol], 0


def _protocol(value: str | int) -> int:
    text = str(value).strip().lower()
    if text in _PROTOCOLS:
        return _PROTOCOLS[text]
    if text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= 255:
        return int(text)
    raise CannotExplain("protocol", f"{value!r} is no protocol: write {', '.join(PROTOCOL_NUMBERS)} or 0 to 255")


def _name(protocol: int) -> str:
    return _NAMES.get(protocol, f"protocol {protocol}")
