"""`dnsguard names`: the names that were looked up, and what clients know of them."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dnsguard.cli.access import add_server_flags
from dnsguard.cli.output import add_output_flag
from dnsguard.cli.server import Server
from dnsguard.cli.views import Part, ViewColumn, lasting, listed, query, show_view


def _for(row: Part) -> str:
    lasts = [each["secondsLeft"] for each in (*row["addresses"], *row["aliases"])]
    return lasting(max(lasts)) if lasts else "-"


COLUMNS = (
    ViewColumn("NAME", lambda row: row["name"]),
    ViewColumn("CLIENT", lambda row: row["client"]),
    ViewColumn("ADDRESSES", lambda row: listed([each["address"] for each in row["addresses"]])),
    ViewColumn("FOR", _for),
    ViewColumn("OPENS", lambda row: "yes" if row["sets"] else "no"),
    ViewColumn("ALIASES", lambda row: listed([each["target"] for each in row["aliases"]]), only_wide=True),
    ViewColumn("SETS", lambda row: listed(row["sets"], 9), only_wide=True),
)


def main(argv: Sequence[str]) -> int:
    """Show them."""
    parser = argparse.ArgumentParser(
        prog="dnsguard names",
        description="Names that were looked up and are remembered, whether a policy asks for them or not: where they"
        " lead whom, and for how long.",
    )
    parser.add_argument(
        "pattern", nargs="?", default="", metavar="PATTERN", help="only such names, as '*.example.org'; default: all"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="that many names at most; default: 100")
    add_output_flag(parser, "wide", instead_of="a table")
    add_server_flags(parser)
    arguments = parser.parse_args(argv)
    with Server.of(arguments) as server:
        view = server.get("/v1/names", query(name=arguments.pattern, limit=arguments.limit))
    show_view(view, _rows(view), COLUMNS, arguments)
    return 0


def _rows(view: Part) -> Iterator[Mapping[str, Any]]:
    """One for each client of a name."""
    for name in view["names"]:
        for client in name["clients"]:
            yield {**client, "name": name["name"]}
        if left_out := name["clientsLeftOut"]:
            others = {"client": f"{left_out} more", "addresses": (), "aliases": (), "sets": ()}
            yield {**others, "name": name["name"]}
