"""`dnsguard endpoints`: who is policed, where, and whether that is in force."""

import argparse
from collections.abc import Sequence

from dnsguard.cli.access import add_server_flags
from dnsguard.cli.output import add_output_flag
from dnsguard.cli.server import Server
from dnsguard.cli.views import Part, ViewColumn, listed, query, show_view


def _labels(row: Part) -> str:
    return listed([f"{key}={value}" for key, value in sorted(row["labels"].items())], 20)


COLUMNS = (
    ViewColumn("NAMESPACE", lambda row: row["namespace"] or "-"),
    ViewColumn("NAME", lambda row: row["name"]),
    ViewColumn("KIND", lambda row: row["kind"]),
    ViewColumn("NODE", lambda row: row["node"] or "-", only_wide=True),
    ViewColumn("INTERFACE", lambda row: row["interface"] or "-"),
    ViewColumn("ADDRESSES", lambda row: listed(row["addresses"])),
    ViewColumn("POLICIES", lambda row: str(len(row["policies"]))),
    ViewColumn("PROFILES", lambda row: listed(row["profiles"]), only_wide=True),
    ViewColumn("LABELS", _labels, only_wide=True),
    ViewColumn("ENFORCED", lambda row: "yes" if row["enforced"] else f"no: {row['problem']}"),
)


def main(argv: Sequence[str]) -> int:
    """Show them; 0 whether they are enforced or not."""
    parser = argparse.ArgumentParser(
        prog="dnsguard endpoints",
        description="Workloads and host endpoints, and whether the server's node enforces them. What applies to one of"
        " them says `dnsguard effective`.",
    )
    parser.add_argument("-n", "--namespace", help="only those of one namespace; default: all")
    add_output_flag(parser, "wide", instead_of="a table")
    add_server_flags(parser)
    arguments = parser.parse_args(argv)
    with Server.of(arguments) as server:
        view = server.get("/v1/endpoints", query(namespace=arguments.namespace))
    show_view(view, view["endpoints"], COLUMNS, arguments)
    return 0
