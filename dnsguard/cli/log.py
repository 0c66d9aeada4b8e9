"""`dnsguard log`: the DNS log, live where that is wanted."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from dnsguard.cli.server import Server, add_server_flags

USUAL = 20


def main(argv: Sequence[str]) -> int:
    """Show records."""
    parser = argparse.ArgumentParser(
        prog="dnsguard log",
        description="Who asked which names, and what became of it. What was refused or failed is kept in any case, the"
        " rest while dns_log is All; --follow shows everything as it happens.",
    )
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what comes, until interrupted")
    parser.add_argument(
        "-n", "--last", type=int, metavar="N", default=USUAL, help=f"begin with the newest N (default: {USUAL})"
    )
    parser.add_argument("--client", metavar="X", default="", help="only of this endpoint (NAMESPACE/NAME) or address")
    parser.add_argument("--name", metavar="PATTERN", default="", help="only names that match, as *.example.org")
    parser.add_argument("--denied", action="store_true", help="only what was refused or failed")
    parser.add_argument("-o", "--output", choices=("json",), help="the records themselves, a JSON object a line")
    add_server_flags(parser)
    arguments = parser.parse_args(argv)
    asked = {
        "last": str(arguments.last),
        "client": arguments.client,
        "name": arguments.name,
        "denied": "true" if arguments.denied else "",
        "follow": "true" if arguments.follow else "",
    }
    parameters = {key: value for key, value in asked.items() if value}
    with Server.of(arguments) as server:
        for line in server.lines("/v1/dns-log", parameters, _say_following if arguments.follow else None):
            print(line if arguments.output else record_text(json.loads(line)))
            sys.stdout.flush()
    return 0


def _say_following() -> None:
    """Apart from the records: whoever asks names only once this is there misses none."""
    print("following", file=sys.stderr, flush=True)


def record_text(record: dict[str, Any]) -> str:
    """One record as a line for people; whatever is in it, it is one line and does nothing to a terminal."""
    return "".join(character if character.isprintable() else "?" for character in " ".join(_parts(record)))


def _parts(record: dict[str, Any]) -> Iterator[str]:
    yield str(record.get("time", ""))
    if record.get("type") == "UNLOGGED":
        whose = f" of {record['client_ip']}" if "client_ip" in record else ""
        yield f"-- {record.get('count', 0)} records{whose} are missing: {record.get('reason', '')}"
        return
    client, address = str(record.get("client", "")), str(record.get("client_ip", ""))
    yield f"{client} ({address})".ljust(32)
    yield f"{record.get('qname', '')} {record.get('qtype', '')}:".ljust(36)
    yield str(record.get("rcode", ""))
    if text := record.get("extended_text"):
        yield f"({text})"
    if addresses := record.get("addresses"):
        yield ", ".join(str(each["ip"]) for each in addresses)
    yield f"[{record.get('source', '')} {record.get('total_ms', 0)} ms]"
    opened = {each["set"]: each["seconds"] for each in record.get("leased", ())}
    to_all = "to every endpoint that may, " if record.get("node_wide") else ""
    for match in record.get("policy_match", ()):
        by = f" in {', '.join(match['policies'])}" if match.get("policies") else ""
        leased = f", open {to_all}for {opened[match['set']]} s" if match["set"] in opened else ""
        yield f"{{{', '.join(match['patterns'])}{by}{leased}}}"
    if withheld := record.get("withheld"):
        yield f"not opened: {', '.join(withheld)} ({', '.join(record.get('withheld_reasons', ()))})"
