"""`dnsguard log`: the DNS log, live where that is wanted."""

import argparse
from collections.abc import Iterator, Sequence

from dnsguard.cli.records import Record, add_record_flags, one_line, show


def main(argv: Sequence[str]) -> int:
    """Show records."""
    parser = argparse.ArgumentParser(
        prog="dnsguard log",
        description="Who asked which names, and what became of it. What was refused or failed is kept in any case, the"
        " rest while dns_log is All; --follow shows everything as it happens.",
    )
    parser.add_argument("--name", metavar="PATTERN", default="", help="only names that match, as *.example.org")
    parser.add_argument("--denied", action="store_true", help="only what was refused or failed")
    add_record_flags(parser)
    arguments = parser.parse_args(argv)
    asked = {"name": arguments.name, "denied": "true" if arguments.denied else ""}
    show("/v1/dns-log", arguments, asked, record_text)
    return 0


def record_text(record: Record) -> str:
    """One record as a line for people; whatever is in it, it is one line and does nothing to a terminal."""
    return one_line(_parts(record))


def _parts(record: Record) -> Iterator[str]:
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
