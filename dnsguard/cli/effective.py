"""`dnsguard effective`: everything that applies to one endpoint, in the order of evaluation."""

import argparse
from collections.abc import Sequence

from dnsguard.cli.access import add_server_flags
from dnsguard.cli.applying import listing
from dnsguard.cli.names import naming_endpoint
from dnsguard.cli.output import add_output_flag, as_text, harmless
from dnsguard.cli.server import Server


def main(argv: Sequence[str]) -> int:
    """Show it; 0 also where the endpoint is not enforced here."""
    parser = argparse.ArgumentParser(
        prog="dnsguard effective",
        description="Everything that applies to one endpoint, in the order in which it is asked: what the node decides"
        " itself, tiers, policies and their rules with what selectors and names stand for now, profiles, and the end."
        " What is staged is shown where it would stand, marked.",
    )
    parser.add_argument("endpoint", metavar="NAMESPACE/NAME", help="a workload; or the name of a host endpoint")
    add_output_flag(parser)
    add_server_flags(parser)
    arguments = parser.parse_args(argv)
    with Server.of(arguments) as server, naming_endpoint(server, arguments.endpoint):
        found = server.get("/v1/effective", {"endpoint": arguments.endpoint})
    print(as_text(found, arguments.output) if arguments.output else "\n".join(map(harmless, listing(found))))
    return 0
