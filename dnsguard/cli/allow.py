"""`dnsguard allow`: add entries to a network set."""

import argparse
from collections.abc import Sequence

from dnsguard.cli.entries import add_entry_flags, change_entries
from dnsguard.cli.errors import UsageError


def main(argv: Sequence[str]) -> int:
    """All of them or none; what is there already stays. Raises CommandError."""
    parser = argparse.ArgumentParser(
        prog="dnsguard allow",
        description="Add domains and networks to a network set, all of them or none. What is there already stays. The"
        " set itself does not travel, however large it is.",
    )
    add_entry_flags(parser)
    parser.add_argument("--create", action="store_true", help="make the set where there is none")
    parser.add_argument(
        "--label", action="append", default=[], metavar="KEY=VALUE", help="of the set that --create makes; repeatable"
    )
    arguments = parser.parse_intermixed_args(argv)
    if arguments.label and not arguments.create:
        raise UsageError("--label is for the set that --create makes")
    labels = dict(map(_label, arguments.label))
    return change_entries(arguments, "add", labels if arguments.create else None)


def _label(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise UsageError(f"--label {text}: write KEY=VALUE")
    return key, value
