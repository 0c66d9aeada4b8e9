"""`dnsguard diff -f`: what an apply would change."""

from collections.abc import Sequence

from dnsguard.cli.apply import diff


def main(argv: Sequence[str]) -> int:
    """1 where something would change."""
    return diff(argv)
