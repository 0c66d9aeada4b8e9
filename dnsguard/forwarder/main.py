"""``dnsguard forwarder``."""

from collections.abc import Sequence

from dnsguard.forwarder.process import run
from dnsguard.service import serve


def main(argv: Sequence[str]) -> int:
    """Run until SIGTERM or SIGINT; the exit code."""
    return serve(argv, "forwarder", run)
