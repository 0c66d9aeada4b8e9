"""`dnsguard denied`: packets that were denied, live where that is wanted."""

import argparse
from collections.abc import Iterator, Sequence

from dnsguard.cli.records import Record, add_record_flags, one_line, show


def main(argv: Sequence[str]) -> int:
    """Show records."""
    parser = argparse.ArgumentParser(
        prog="dnsguard denied",
        description="Whose packets were denied, to what, and by which rule; packets that are alike share a line. Of"
        " each interface packet_log_rate a second are shown, and what goes beyond is counted.",
    )
    parser.add_argument("--log-rules", action="store_true", help="what rules with the action Log show, too")
    add_record_flags(parser)
    arguments = parser.parse_args(argv)
    asked = {"action": "All" if arguments.log_rules else ""}
    show("/v1/denied", arguments, asked, packet_text)
    return 0


def packet_text(record: Record) -> str:
    """One record as a line for people; whatever is in it, it is one line and does nothing to a terminal."""
    return one_line(_parts(record))


def _parts(record: Record) -> Iterator[str]:
    yield str(record.get("time", ""))
    if record.get("type") == "UNLOGGED":
        whose = f" of {record['of']}" if "of" in record else ""
        yield f"-- {record.get('count', 0)} packets{whose} are missing: {record.get('reason', '')}"
        return
    ingress = record.get("direction") == "ingress"
    source, destination = str(record.get("endpoint", "")), str(record.get("peer", ""))
    if ingress:
        source, destination = destination, source
    yield _end(record, "source", source)
    yield "→"
    yield f"{_end(record, 'destination', destination)}{_names(record)}"
    yield f"{record.get('protocol', '')}{_icmp(record)}:"
    said = "denied" if record.get("action") == "Deny" else "logged"
    yield f"{said} by" if "tier" in record or "profile" in record else f"{said}:"
    yield str(record.get("decided_by", ""))
    if (tier := record.get("tier")) and "rule" in record:
        yield f"in tier {tier}"
    yield f"[{_details(record)}]"


def _end(record: Record, side: str, endpoint: str) -> str:
    address, port = str(record.get(f"{side}_ip", "")), record.get(f"{side}_port")
    if port is not None:
        address = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    return f"{endpoint} ({address})" if endpoint and address else endpoint or address or "?"


def _names(record: Record) -> str:
    names = record.get("names")
    if names is None:
        return ""
    more = f" and {record['names_left_out']} more" if "names_left_out" in record else ""
    return f" {{{', '.join(map(str, names))}{more}}}" if names else " {no name}"


def _icmp(record: Record) -> str:
    if "icmp_type" in record:
        return f" type {record['icmp_type']} code {record.get('icmp_code', 0)}"
    return " fragment" if record.get("fragment") else ""


def _details(record: Record) -> str:
    count = record.get("count", 1)
    found = [str(record.get("direction", "")), f"{count} packets" if count > 1 else ""]
    way = [str(record[key]) for key in ("interface_in", "interface_out") if key in record]
    return ", ".join(filter(None, (*found, " → ".join(way))))
