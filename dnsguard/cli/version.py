"""`dnsguard version`."""

import argparse
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version


def main(argv: Sequence[str]) -> int:
    """Print the versions that matter for a bug report."""
    argparse.ArgumentParser(prog="dnsguard version", description="Show the version.").parse_args(argv)
    print(f"dnsguard {program_version()} (Python {platform.python_version()}, Linux {platform.release()})")
    return 0


def program_version() -> str:
    """Of the installed package; `unknown` where it runs from a tree that was never installed."""
    try:
        return version("dnsguard")
    except PackageNotFoundError:
        return "unknown"
