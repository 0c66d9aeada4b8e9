"""`dnsguard explain`: what would happen to a connection, and why."""

import argparse
import re
from collections.abc import Sequence
from ipaddress import IPv6Interface
from typing import Any

from dnsguard.cli.access import add_server_flags
from dnsguard.cli.errors import UNWANTED, UsageError
from dnsguard.cli.explained import explanation
from dnsguard.cli.names import naming_endpoint
from dnsguard.cli.output import add_output_flag, as_text, harmless
from dnsguard.cli.server import Server
from dnsguard.resources.portnames import is_port_name


def main(argv: Sequence[str]) -> int:
    """Ask the server; 0 whatever the verdict is, unless --exit-code asks for more."""
    parser = argparse.ArgumentParser(
        prog="dnsguard explain",
        description="What would happen to a connection now, and which rule decides.",
    )
    parser.add_argument(
        "source", metavar="SOURCE", help="endpoint (namespace/name, or the name of a host endpoint), address or CIDR"
    )
    parser.add_argument(
        "destination",
        metavar="DESTINATION[:PORT]",
        help="domain name, address ([2001:db8::1]:443), CIDR or endpoint (shop/web:443, shop/web:http)",
    )
    parser.add_argument("--protocol", help="TCP (default), UDP, SCTP, ICMP, ICMPv6, UDPLite or a number")
    parser.add_argument("--from-port", type=_port_number, metavar="PORT", help="source port; default: not known")
    parser.add_argument("--icmp-type", type=_byte, metavar="TYPE", help="default: echo request")
    parser.add_argument("--icmp-code", type=_byte, metavar="CODE", help="of that type; default: not known")
    parser.add_argument(
        "--pending",
        action="store_true",
        help="say what would happen if what is staged were in force, even where that is the same",
    )
    parser.add_argument("--exit-code", action="store_true", help=f"exit with {UNWANTED} where it is denied")
    add_output_flag(parser)
    add_server_flags(parser)
    arguments = parser.parse_args(argv)
    with Server.of(arguments) as server, naming_endpoint(server, arguments.source):
        answer, _ = server.send("POST", "/v1/explain", question(arguments))
    print(as_text(answer, arguments.output) if arguments.output else "\n".join(map(harmless, explanation(answer))))
    return UNWANTED if arguments.exit_code and answer["verdict"] == "Deny" else 0


def question(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the server is asked. Raises UsageError."""
    destination, port = destination_and_port(arguments.destination)
    asked = {
        "protocol": None if arguments.protocol is None else protocol_name(arguments.protocol),
        "port": port,
        "sourcePort": arguments.from_port,
        "icmpType": arguments.icmp_type,
        "icmpCode": arguments.icmp_code,
        "pending": arguments.pending or None,
    }
    given = {field: value for field, value in asked.items() if value is not None}
    return {"source": arguments.source, "destination": destination, **given}


def destination_and_port(text: str) -> tuple[str, int | str | None]:
    """`example.org:443`, `[2001:db8::1]:443`, `2001:db8::/32`, `shop/web:http`. Raises UsageError."""
    if url := re.match(r"(https?)://([^/]*)", text):
        host, port = url[2], "" if ":" in url[2] else ":443" if url[1] == "https" else ":80"
        raise UsageError(f"{text!r} is a URL: write the name alone, as {host}{port}")
    if match := re.fullmatch(r"\[([^\]]*)\](?::(.*))?", text):
        return match[1], None if match[2] is None else _port(match[2])
    try:
        IPv6Interface(text)
    except ValueError:
        pass
    else:
        return text, None
    host, colon, port = text.rpartition(":")
    return (host, _port(port)) if colon else (text, None)


def _port(text: str) -> int | str:
    if re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) and 1 <= int(text) <= 65_535:
        return int(text)
    if is_port_name(text):
        return text
    raise UsageError(f"{text!r} is no port: write 1 to 65535, or the name of a port that the endpoint declares")


def _port_number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) or not 1 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: write 1 to 65535")
    return int(text)


def _byte(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,3}", text, re.ASCII) or int(text) > 255:
        raise argparse.ArgumentTypeError(f"{text!r} is not 0 to 255")
    return int(text)


def protocol_name(text: str) -> str | int:
    """The protocol as the server wants it: a name in its own case, or a number."""
    if text.isdigit():
        return int(text)
    return {"icmpv6": "ICMPv6", "udplite": "UDPLite"}.get(text.lower(), text.upper())
