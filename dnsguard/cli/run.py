"""`dnsguard run`: controller and forwarder side by side, on one machine, with SQLite."""

import argparse
import sys
from collections.abc import Sequence
from typing import Final

from dnsguard.cli.held import HeldSockets
from dnsguard.cli.lock import hold_run_dir
from dnsguard.cli.pulse import HealthPulse, by_address, by_socket, told
from dnsguard.cli.reloading import Reloading
from dnsguard.cli.reporting import Reporting
from dnsguard.cli.supervisor import Child, Supervisor, own_command
from dnsguard.dns.listen.handed import places
from dnsguard.dns.listen.transparent import is_transparent
from dnsguard.handover import Handed, handed_down
from dnsguard.notify import ServiceManager
from dnsguard.settings import Settings, add_flags, settings_from

CONTROLLER_SILENT: Final = 20
"""Looks in a row without an answer: then the controller hangs. It may be busy for longer than a forwarder, with
thousands of objects that come at once, and nobody's look-up waits for it."""


def main(argv: Sequence[str]) -> int:
    """Run until told to stop. Raises SettingsError, CommandError."""
    given = handed_down()
    argv = [*argv, *_listens(argv, given)]
    settings = _settings(argv)
    manager = ServiceManager.from_environ()
    intercept_port = None if settings.intercept_dns == "Off" else settings.intercept_port
    held = HeldSockets(settings.listen, given, settings.workers, intercept_port, manager)
    # A child that is started again finds the sockets that we hold, whatever the file says by then of where to listen.
    listen = ["--listen", ",".join(map(str, settings.listen)), "--intercept-dns", settings.intercept_dns]
    listen += ["--intercept-port", str(settings.intercept_port), "--workers", str(settings.workers)]
    api = by_socket(settings.api_socket)
    with hold_run_dir(settings):
        print(whereabouts(settings), flush=True)
        children = [
            Child("controller", own_command("controller", *argv), None, HealthPulse(api, silent=CONTROLLER_SILENT)),
            Child(
                "forwarder", own_command("forwarder", *argv, *listen), held,
                HealthPulse(by_address(settings.health_listen)),
            ),
        ]  # fmt: skip
        watcher = None
        if manager.is_there:
            reporting = Reporting(manager, lambda: told(api, "/readyz"))
            watcher = Reloading(reporting, settings, lambda: _settings(argv), _say)
        return Supervisor(children, _say, watcher).run()


def _settings(argv: Sequence[str]) -> Settings:
    """As they are written now. Raises SettingsError."""
    parser = argparse.ArgumentParser(
        prog="dnsguard run",
        allow_abbrev=False,
        description="Start controller and forwarder, and start each again when it dies. Without settings: SQLite in the"
        " state directory, upstreams from resolv.conf, DNS and API on loopback.",
    )
    add_flags(parser)
    return settings_from(parser.parse_args(argv))


def _listens(argv: Sequence[str], given: Sequence[Handed]) -> list[str]:
    """The flag that says where to listen: at the sockets that our starter holds, where nobody says otherwise. So who
    writes a socket unit need not write it twice. Raises BadHandover, SettingsError."""
    sockets = [each for each in given if not is_transparent(each.socket)]
    if not sockets or _settings(argv).listen != Settings.model_fields["listen"].default:
        return []
    return ["--listen", ",".join(places(sockets))]


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
