"""What the commands share that show records of a log, live where that is wanted."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dnsguard.cli.access import add_server_flags
from dnsguard.cli.names import naming_endpoint
from dnsguard.cli.output import add_output_flag, as_text, harmless
from dnsguard.cli.server import Server

USUAL = 20

INSTEAD = "text; json is an object a line, yaml a document each"
"""Of which `-o` makes something else."""

Record = dict[str, Any]


def add_record_flags(parser: argparse.ArgumentParser) -> None:
    """Which records, and how they are shown."""
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what comes, until interrupted")
    parser.add_argument(
        "-n", "--last", type=int, metavar="N", default=USUAL, help=f"begin with the newest N (default: {USUAL})"
    )
    parser.add_argument("--client", metavar="X", default="", help="only of this endpoint (NAMESPACE/NAME) or address")
    add_output_flag(parser, instead_of=INSTEAD)
    add_server_flags(parser)


def show(path: str, arguments: argparse.Namespace, asked: Mapping[str, str], text: Callable[[Record], str]) -> None:
    """Print the records; ``asked``: what else of the query is said. What is empty is not."""
    common = {
        "last": str(arguments.last),
        "client": arguments.client,
        "follow": "true" if arguments.follow else "",
    }
    parameters = {key: value for key, value in {**common, **asked}.items() if value}
    with Server.of(arguments) as server, naming_endpoint(server, arguments.client):
        for line in server.lines(path, parameters, _say_following if arguments.follow else None):
            print_record(line, arguments.output, text)


def print_record(line: str, output: str | None, text: Callable[[Record], str]) -> None:
    """One record that came as JSON; ``text`` makes it a line for people."""
    match output:
        case "json":
            print(line)
        case "yaml":
            print(f"---\n{as_text(json.loads(line), 'yaml')}")
        case _:
            print(text(json.loads(line)))
    sys.stdout.flush()


def one_line(parts: Iterator[str]) -> str:
    """A record for people; whatever is in it, it is one line and does nothing to a terminal."""
    return harmless(" ".join(parts))


def _say_following() -> None:
    """Apart from the records: whoever causes some only once this is there misses none."""
    print("following", file=sys.stderr, flush=True)
