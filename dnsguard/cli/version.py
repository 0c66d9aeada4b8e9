"""`dnsguard version`."""

import argparse
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from dnsguard.cli.output import add_output_flag, as_text


def main(argv: Sequence[str]) -> int:
    """Print the versions that matter for a bug report."""
    parser = argparse.ArgumentParser(prog="dnsguard version", description="Show the version.")
    add_output_flag(parser)
    arguments = parser.parse_args(argv)
    versions = {"dnsguard": program_version(), "python": platform.python_version(), "linux": platform.release()}
    if arguments.output:
        print(as_text(versions, arguments.output))
    else:
        print(f"dnsguard {versions['dnsguard']} (Python {versions['python']}, Linux {versions['linux']})")
    return 0


def program_version() -> str:
    """Of the installed package; `unknown` where it runs from a tree that was never installed."""
    try:
        return version("dnsguard")
    except PackageNotFoundError:
        return "unknown"
