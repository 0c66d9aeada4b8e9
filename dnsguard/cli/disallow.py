"""`dnsguard disallow`: take entries out of a network set."""

import argparse
from collections.abc import Sequence

from dnsguard.cli.entries import add_entry_flags, change_entries


def main(argv: Sequence[str]) -> int:
    """All of them or none; what is not there is no error. Raises CommandError."""
    parser = argparse.ArgumentParser(
        prog="dnsguard disallow",
        description="Take domains and networks out of a network set, all of them or none. What is not there is no"
        " error; what stays open all the same is said.",
    )
    add_entry_flags(parser)
    return change_entries(parser.parse_intermixed_args(argv), "remove")
