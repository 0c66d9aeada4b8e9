"""The forms in which single settings are written. Every reader raises ValueError, which says what to write."""

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any, Final, NamedTuple

from dnsguard.calc.evaluator.failsafe import FailsafePort
from dnsguard.calc.evaluator.packet import TCP, UDP
from dnsguard.domains import DomainNameError, name_text, wire_name
from dnsguard.locations import LOG_GROUP
from dnsguard.servers import DNS_PORT, read_server

_PROTOCOLS = {"tcp": TCP, "udp": UDP}

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class SocketAddress(NamedTuple):
    """An address and port to listen on."""

    address: Address
    port: int

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if self.address.version == 6 else f"{self.address}:{self.port}"


def read_port(value: Any) -> int:
    """A port by its number."""
    return _port(str(value).strip())


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65_535:
        raise ValueError(f"{text!r} is no port: write 1 to 65535")
    return int(text)


def read_socket_address(value: Any, default_port: int = DNS_PORT) -> SocketAddress:
    """`192.0.2.1:53`, `[2001:db8::1]:53`; without a port the default one."""
    text = str(value).strip()
    host, port = text, default_port
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(f"{text!r} is no socket address: write [2001:db8::1]:{default_port}")
        port = _port(rest[1:]) if rest else default_port
    elif text.count(":") == 1:
        host, _, number = text.partition(":")
        port = _port(number)
    try:
        return SocketAddress(read_address(host), port)
    except ValueError:
        raise ValueError(
            f"{text!r} is no socket address: write 192.0.2.1:{default_port} or [2001:db8::1]:{default_port}"
        ) from None


def read_upstream(value: Any) -> str:
    """A trusted server: an address or host name, a port if it is not 53; IPv6 with port in brackets."""
    return str(read_server(str(value).strip()))


def read_failsafe_port(value: Any) -> FailsafePort:
    """`22`, `tcp:22`, `tcp:192.0.2.0/24:22`, or a mapping of protocol, port and net."""
    if isinstance(value, FailsafePort):
        return value
    if isinstance(value, Mapping):
        if unknown := set(value) - {"protocol", "port", "net"}:
            raise ValueError(f"unknown field {sorted(unknown)[0]!r}: the fields are protocol, port and net")
        protocol, net, port = str(value.get("protocol", "tcp")), value.get("net"), str(value.get("port", ""))
    else:
        protocol, net, port = _failsafe_parts(str(value).strip())
    number = _PROTOCOLS.get(protocol.lower())
    if number is None:
        raise ValueError(f"{protocol!r} is no protocol of a failsafe port: write tcp or udp")
    return FailsafePort(number, _port(port), None if net is None else read_net(net))


def _failsafe_parts(text: str) -> tuple[str, str | None, str]:
    front, _, port = text.rpartition(":")
    protocol, _, net = front.partition(":")
    return protocol or "tcp", net.strip("[]") or None, port


RESERVED_LABELS: Final = frozenset({"projectcalico.org/namespace", "projectcalico.org/created-by"})
"""Labels that host endpoints of users must not have, or that the automatic one has anyway."""


def labels_listed(value: Any) -> Any:
    """Labels as a list: from a mapping, or from text with commas between them."""
    return list(value.items()) if isinstance(value, Mapping) else comma_separated(value)


def read_node_label(value: Any) -> tuple[str, str]:
    """`zone=a`, or the two as they stand in a mapping."""
    # Whoever has no label need not wait until the model of resources is loaded.
    from dnsguard.resources.metadata import label_key_fault, label_value_fault

    key, sign, text = (value[0], "=", value[1]) if isinstance(value, tuple) else str(value).strip().partition("=")
    if not sign or not isinstance(key, str) or not isinstance(text, str):
        raise ValueError(f"{value!r} is no label: write zone=a")
    if fault := label_key_fault(key):
        raise ValueError(f"{key!r} is no label key: {fault}")
    if fault := label_value_fault(text):
        raise ValueError(f"{text!r} is no label value: it {fault}")
    if key in RESERVED_LABELS:
        raise ValueError(f"the label {key} is dnsguard's own: leave it out")
    return key, text


def read_net(value: Any) -> Network:
    """A CIDR or an address."""
    try:
        return ip_network(str(value), strict=False)
    except ValueError:
        raise ValueError(f"{value!r} is no network: write 192.0.2.0/24 or 2001:db8::/32") from None


PRIVATE: Final = tuple(
    map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7", "fec0::/10"))
)
"""RFC 1918, shared address space (RFC 6598), unique local (RFC 4193), and what was site-local before (RFC 3879)."""


def read_unleased_nets(value: Any) -> tuple[Network, ...]:
    """A list of networks in which `private` stands for all private ones."""
    listed = comma_separated(value)
    if not isinstance(listed, list | tuple):
        raise ValueError(f"{value!r} is no list: write networks, or private for all private ones")
    return tuple(net for each in listed for net in (PRIVATE if each == "private" else (read_net(each),)))


def read_domain(value: Any) -> str:
    """A domain name, in lower case and without a dot at its end."""
    try:
        wire = wire_name(str(value).strip())
    except DomainNameError as error:
        raise ValueError(str(error)) from None
    if wire == b"\0":
        raise ValueError(f"{value!r} is the root: every name is below it")
    return name_text(wire)


def read_address(value: Any) -> Address:
    """An address."""
    try:
        address = ip_address(str(value))
    except ValueError:
        raise ValueError(f"{value!r} is no IPv4 or IPv6 address") from None
    if "%" in str(address):
        raise ValueError(f"{value!r} is no address that can be used: leave out % and the interface")
    return address


MAX_COUNT = 10_000
MAX_BOUND = 1_000_000_000
MAX_WORKERS = 64


def read_bound(value: Any) -> int:
    """How many there may be of what is counted in thousands: a whole number from 1 to ``MAX_BOUND``."""
    return read_count(value, MAX_BOUND)


def read_log_group(value: Any) -> int:
    """An NFLOG group that Log rules do not have."""
    if str(value).strip() == str(LOG_GROUP):
        raise ValueError(f"{value!r} is the group of Log rules: write another")
    return read_count(value, 0xFFFF)


def read_workers(value: Any) -> int:
    """A whole number from 1 to ``MAX_WORKERS``."""
    return read_count(value, MAX_WORKERS)


def read_count(value: Any, most: int = MAX_COUNT) -> int:
    """A whole number from 1 to ``most``."""
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,10}", str(value).strip()) or not 1 <= int(value) <= most:
        raise ValueError(f"{value!r} is no such number: write 1 to {most}")
    return int(value)


_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def read_seconds(value: Any) -> float:
    """Seconds as a number, or as text with a unit: `250ms`, `10s`, `5m`."""
    if not isinstance(value, bool):
        match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) *(ms|s|m|h|d|)", str(value).strip())
        if match:
            return float(match[1]) * _UNITS[match[2]]
    raise ValueError(f"{value!r} is no duration: write seconds, or a number with ms, s, m, h or d")


SHORTEST_FAIL_OPEN = 30.0
"""A forwarder that keeps dying, whoever makes it, is started again every five seconds or so: it must not be given up
meanwhile, nor while it is restarted for another version of it."""

LONGEST_FAIL_OPEN = 86_400.0


def read_fail_open(value: Any) -> float:
    """`Off`, or seconds as `read_seconds` reads them, from ``SHORTEST_FAIL_OPEN`` to ``LONGEST_FAIL_OPEN``."""
    if str(value).strip().lower() in ("off", "0"):
        return 0.0
    try:
        return _seconds_within(value, SHORTEST_FAIL_OPEN, LONGEST_FAIL_OPEN)
    except ValueError:
        raise ValueError(f"{value!r} is no time for it: write Off, or from {SHORTEST_FAIL_OPEN:g}s to 24h") from None


def read_self_test_interval(value: Any) -> float:
    """Seconds as `read_seconds` reads them, from a tenth of one, for each round takes some, to an hour."""
    try:
        return _seconds_within(value, 0.1, 3600.0)
    except ValueError:
        raise ValueError(f"{value!r} is no interval of the self-test: write from 100ms to 1h") from None


def _seconds_within(value: Any, least: float, most: float) -> float:
    seconds = read_seconds(value)
    if not least <= seconds <= most:
        raise ValueError
    return seconds


LEAST_MARK_BITS = 4
"""Fewer hold too few revisions of policy to tell them apart while connections are judged again."""


def read_mark_mask(value: Any) -> int:
    """Adjoining bits of a mark: `0xff00`."""
    text = str(value).strip().lower()
    if isinstance(value, bool) or not re.fullmatch(r"0x[0-9a-f]{1,8}|[0-9]{1,10}", text):
        raise ValueError(f"{value!r} is no mask: write one like 0x0000ff00")
    mask = int(text, 0) if text.startswith("0x") else int(text)
    said = repr(value) if isinstance(value, str) else f"0x{mask:x}"  # YAML reads what is written so as a number
    bits = mask.bit_count()
    if mask > 0xFFFF_FFFF or bits < LEAST_MARK_BITS:
        raise ValueError(f"{said} is no mask for revisions: write {LEAST_MARK_BITS} to 32 bits of 32, as 0x0000ff00")
    if mask // (mask & -mask) != (1 << bits) - 1:
        raise ValueError(f"{said} has gaps: write a mask whose bits adjoin, as 0x0000ff00")
    return mask


def read_interface_prefix(value: Any) -> str:
    """The beginning of interface names."""
    if not re.fullmatch(r"[a-zA-Z0-9_.-]{1,15}", str(value)):
        raise ValueError(f"{value!r} is no beginning of an interface name: 1 to 15 letters, digits, '_', '.' or '-'")
    return str(value)


def read_docker_network(value: Any) -> str:
    """A network of Docker by its name or id."""
    if not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}", str(value)):
        raise ValueError(f"{value!r} is no network of Docker: write its name, as docker network ls shows it")
    return str(value)


def read_namespace(value: Any) -> str:
    """The name of a namespace."""
    if not re.fullmatch(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?", str(value)):
        raise ValueError(f"{value!r} is no namespace: at most 63 of a-z, 0-9 and '-', no '-' at the ends")
    return str(value)


def read_bridge(value: Any) -> str:
    """The whole name of a bridge."""
    if not re.fullmatch(r"[a-zA-Z0-9_.-]{1,15}", str(value)):
        raise ValueError(f"{value!r} is no name of a bridge: 1 to 15 letters, digits, '_', '.' or '-'")
    return str(value)


def read_pair_name(value: Any) -> str:
    """What the names of two interfaces begin with: a digit follows."""
    if not re.fullmatch(r"[a-zA-Z0-9_.-]{1,14}", str(value)):
        raise ValueError(f"{value!r} is no beginning of two interface names: 1 to 14 letters, digits, '_', '.' or '-'")
    return str(value)


_FOUR_ADDRESSES = {4: 30, 6: 126}


def read_canary_nets(value: Any) -> tuple[Network, ...]:
    """A list of networks, one of each family at most, for addresses that the node forwards."""
    listed = comma_separated(value)
    nets = [read_net(each) for each in listed] if isinstance(listed, list | tuple) else []
    if not nets or len({net.version for net in nets}) < len(nets):
        raise ValueError(f"{value!r} is no such list: write one IPv4 network, one IPv6 network, or both")
    for net in nets:
        if net.prefixlen > _FOUR_ADDRESSES[net.version]:
            raise ValueError(f"{net} is too small: it takes four addresses, /30 or /126")
        if net.is_loopback or net.is_link_local or net.is_multicast or net.is_unspecified:
            raise ValueError(f"{net} is no network whose packets are forwarded")
    return tuple(nets)


def read_node_name(value: Any) -> str:
    """The name endpoints use for this machine."""
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", str(value)):
        raise ValueError(f"{value!r} is no node name: write lower-case letters, digits, '-' and '.'")
    return str(value)


def read_table(value: Any) -> str:
    """The name of our nftables table."""
    if not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_-]{0,63}", str(value)):
        raise ValueError(f"{value!r} is no table name: write letters, digits, '_' and '-', beginning with a letter")
    return str(value)


def read_path(value: Any) -> Path:
    """A path, made absolute."""
    if not str(value).strip():
        raise ValueError("is empty: write a path")
    return Path(str(value)).expanduser().absolute()


def read_file(value: Any) -> Path | None:
    """A file that can be read, made absolute; `none` for none."""
    if value is None or str(value).strip() == "none":
        return None
    path = read_path(value)
    try:
        path.open("rb").close()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    return path


def read_certificates(value: Any) -> Path | None:
    """A file of certificates in PEM, made absolute; `none` for none of our own."""
    if value is None or str(value).strip() == "none":
        return None
    path = read_path(value)
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    if b"-----BEGIN CERTIFICATE-----" not in text:
        raise ValueError(f"{path} holds no certificates in PEM")
    return path


def comma_separated(value: Any) -> Any:
    """Environment and flags give one text for a list; `none` is the empty list."""
    if not isinstance(value, str):
        return value
    return [] if value.strip() in ("", "none") else [part.strip() for part in value.split(",")]
