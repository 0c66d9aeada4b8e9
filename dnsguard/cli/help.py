"""`dnsguard help`: what there is, or more of one command."""

import argparse
from collections.abc import Sequence

from dnsguard.cli import main as command_line


def main(argv: Sequence[str]) -> int:
    """The same as `dnsguard COMMAND --help`."""
    parser = argparse.ArgumentParser(prog="dnsguard help", description="Say more of one command, with examples.")
    parser.add_argument("command", nargs="?", metavar="COMMAND", help="default: list all of them")
    command = parser.parse_args(argv).command
    return command_line.main(["--help"] if command is None else [command, "--help"])
