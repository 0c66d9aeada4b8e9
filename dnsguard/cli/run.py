"""`dnsguard run`: controller and forwarder side by side, on one machine, with SQLite."""

import argparse
import sys
from collections.abc import Sequence

from dnsguard.cli.held import HeldSockets
from dnsguard.cli.lock import hold_run_dir
from dnsguard.cli.pulse import HealthPulse
from dnsguard.cli.supervisor import Child, Supervisor, own_command
from dnsguard.handover import handed_down
from dnsguard.settings import Settings, add_flags, settings_from


def main(argv: Sequence[str]) -> int:
    """Run until told to stop. Raises SettingsError, CommandError."""
    parser = argparse.ArgumentParser(
        prog="dnsguard run",
        allow_abbrev=False,
        description="Start controller and forwarder, and start each again when it dies. Without settings: SQLite in the"
        " state directory, upstreams from resolv.conf, DNS and API on loopback.",
    )
    add_flags(parser)
    settings = settings_from(parser.parse_args(argv))
    intercept_port = None if settings.intercept_dns == "Off" else settings.intercept_port
    held = HeldSockets(settings.listen, handed_down(), settings.workers, intercept_port)
    # A child that is started again finds the sockets that we hold, whatever the file says by then of where to listen.
    listen = ["--listen", ",".join(map(str, settings.listen)), "--intercept-dns", settings.intercept_dns]
    listen += ["--intercept-port", str(settings.intercept_port), "--workers", str(settings.workers)]
    with hold_run_dir(settings):
        print(whereabouts(settings), flush=True)
        children = [
            Child("controller", own_command("controller", *argv)),
            Child("forwarder", own_command("forwarder", *argv, *listen), held, HealthPulse(settings.health_listen)),
        ]
        return Supervisor(children, _say).run()


def whereabouts(settings: Settings) -> str:
    """Where everything is, for people."""
    return "\n".join(
        (
            "dnsguard starts",
            f"  answers DNS on  {', '.join(map(str, settings.listen))}",
            f"  asks            {', '.join(settings.upstreams)}",
            f"  admin API       {settings.api_url}",
            f"  on this machine {settings.api_socket}",
            f"  token           {settings.token_file}",
            f"  health          http://{settings.health_listen}",
            f"  state           {settings.state_dir}",
            f"  link socket     {settings.link_socket}",
            f"  nftables table  inet {settings.table}",
            f"  node            {settings.node_name}",
        )
    )


def _say(text: str) -> None:
    print(f"dnsguard run: {text}", file=sys.stderr, flush=True)
