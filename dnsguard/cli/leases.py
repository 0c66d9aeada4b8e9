"""`dnsguard leases`: which addresses names have opened, to whom, and for how long."""

import argparse
from collections.abc import Sequence

from dnsguard.cli.access import add_server_flags
from dnsguard.cli.names import naming_endpoint
from dnsguard.cli.output import add_output_flag
from dnsguard.cli.server import Server
from dnsguard.cli.views import ViewColumn, lasting, listed, query, show_view

COLUMNS = (
    ViewColumn("CLIENT", lambda row: row["client"]),
    ViewColumn("CLIENT-ADDRESS", lambda row: row["clientAddress"] or "-", only_wide=True),
    ViewColumn("ADDRESS", lambda row: row["address"]),
    ViewColumn("OPEN", lambda row: "yes" if row["sets"] else "no"),
    ViewColumn("FOR", lambda row: lasting(row["secondsLeft"])),
    ViewColumn("NAMES", lambda row: listed(row["names"])),
    ViewColumn("SETS", lambda row: listed(row["sets"], 9), only_wide=True),
)


def main(argv: Sequence[str]) -> int:
    """Show them."""
    parser = argparse.ArgumentParser(
        prog="dnsguard leases",
        description="Addresses that look-ups led to. One is open where a policy of the client that is in force asks for"
        " the name; what nobody asks for is remembered, and opens nothing.",
    )
    parser.add_argument("client", nargs="?", default="", help="endpoint (NAMESPACE/NAME) or address; default: all")
    parser.add_argument("--name", metavar="PATTERN", help="only what such a name led to, as '*.example.org'")
    parser.add_argument("--address", help="only this address")
    parser.add_argument("--set", dest="lease_set", metavar="ID", help="only what this lease set holds")
    parser.add_argument("--limit", type=int, metavar="N", help="that many at most; default: 5000")
    add_output_flag(parser, "wide", instead_of="a table")
    add_server_flags(parser)
    arguments = parser.parse_args(argv)
    asked = query(
        client=arguments.client,
        name=arguments.name,
        address=arguments.address,
        set=arguments.lease_set,
        limit=arguments.limit,
    )
    with Server.of(arguments) as server, naming_endpoint(server, arguments.client):
        view = server.get("/v1/leases", asked)
    show_view(view, view["leases"], COLUMNS, arguments)
    return 0
