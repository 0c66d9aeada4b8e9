"""`dnsguard explain`: what would happen to a connection, and why."""

import argparse
import re
from collections.abc import Sequence
from ipaddress import IPv6Address
from typing import Any

from dnsguard.cli.errors import UsageError
from dnsguard.cli.get import as_text
from dnsguard.cli.server import Server, add_server_flags


def main(argv: Sequence[str]) -> int:
    """Ask the server; 0 whatever the verdict is."""
    parser = argparse.ArgumentParser(
        prog="dnsguard explain", description="What would happen to a connection now, and which rule decides."
    )
    parser.add_argument("source", metavar="ENDPOINT", help="namespace/name, a host endpoint, or an address")
    parser.add_argument(
        "destination",
        metavar="DESTINATION[:PORT]",
        help="domain name, address ([2001:db8::1]:443) or endpoint (namespace/name:443)",
    )
    parser.add_argument("--protocol", default="TCP", help="TCP (default), UDP, SCTP, ICMP, ICMPv6, UDPLite or a number")
    parser.add_argument("-o", "--output", choices=("json", "yaml"))
    add_server_flags(parser)
    arguments = parser.parse_args(argv)
    destination, port = destination_and_port(arguments.destination)
    protocol = protocol_name(arguments.protocol)
    query = {"source": arguments.source, "destination": destination, "protocol": protocol}
    with Server.of(arguments) as server:
        answer, _ = server.send("POST", "/v1/explain", query if port is None else {**query, "port": port})
    print(as_text(answer, arguments.output) if arguments.output else "\n".join(explanation(answer)))
    return 0


def destination_and_port(text: str) -> tuple[str, int | None]:
    """`example.org:443`, `[2001:db8::1]:443`, `2001:db8::1`. Raises UsageError."""
    if match := re.fullmatch(r"\[([^\]]*)\](?::(.*))?", text):
        return match[1], None if match[2] is None else _port(match[2])
    try:
        return str(IPv6Address(text)), None
    except ValueError:
        pass
    host, colon, port = text.rpartition(":")
    return (host, _port(port)) if colon else (text, None)


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) or not 1 <= int(text) <= 65_535:
        raise UsageError(f"{text!r} is no port: write 1 to 65535")
    return int(text)


def protocol_name(text: str) -> str | int:
    """The protocol as the server wants it: a name in its own case, or a number."""
    if text.isdigit():
        return int(text)
    return {"icmpv6": "ICMPv6", "udplite": "UDPLite"}.get(text.lower(), text.upper())


def explanation(answer: dict[str, Any]) -> list[str]:
    """The answer for people: verdict, sentence, steps, notes."""
    lines = [f"{answer['verdict']}: {answer['summary']}"]
    lines.append(f"  from {answer['source']}")
    lines.append(f"  to   {answer['destination']}")
    for step in answer.get("steps", ()):
        sign = "→" if step.get("matched") else " "
        tier = f" [{step['tier']}]" if step.get("tier") else ""
        lines.append(f"  {sign} {step['direction']}{tier} {_step(step)}")
    lines += [f"  note: {note}" for note in answer.get("notes", ())]
    return lines


def _step(step: dict[str, Any]) -> str:
    action, reason = step.get("action", ""), step.get("reason", "")
    said = ", ".join(part for part in (action, reason) if part)
    if not step.get("policy"):
        return f"end of tier: {said}" if step.get("tier") else said
    rule = f"{step['policy']} rule {step['rule']}"
    return f"{rule}: {said}" if step.get("matched") else f"{rule} would {action.lower()}, but {reason}"
