"""`dnsguard uninstall`: take away what of ours the kernel has: tables, IP rule, route, interface, what bridges do."""

import argparse
import errno
from collections.abc import Sequence

from dnsguard.cli.errors import CommandError
from dnsguard.cli.lock import hold_run_dir
from dnsguard.controller.bridgehooks import restore_bridges
from dnsguard.dataplane.settings import INTERCEPTED_MARK
from dnsguard.netlink.canarypair import NotOurs, remove_pair
from dnsguard.netlink.localdelivery import LocalDelivery
from dnsguard.netlink.nftables import BRIDGE, IPV4, IPV6, delete_table
from dnsguard.netlink.socket import FamilySocket, NetfilterSocket, NetlinkError
from dnsguard.settings import add_flags, settings_from


def main(argv: Sequence[str]) -> int:
    """Remove the table; nothing to remove is no error. Raises SettingsError, CommandError."""
    parser = argparse.ArgumentParser(
        prog="dnsguard uninstall",
        allow_abbrev=False,
        description="Remove the nftables tables, the IP rule and route of interception, what bridges were told, and the"
        " interface of the self-test: what was denied passes from then on. The state directory stays.",
    )
    add_flags(parser)
    settings = settings_from(parser.parse_args(argv), needs_upstreams=False)
    with hold_run_dir(settings):  # a controller that runs would only put the table back
        had_table = _remove_tables(settings.table)
        try:
            had_rule = LocalDelivery(INTERCEPTED_MARK).remove()
        except OSError as error:
            raise CommandError(f"the IP rule of interception stays: {error.strerror or error}") from None
        try:
            had_bridges = restore_bridges(settings.state_dir)
        except OSError as error:
            raise CommandError(f"bridges go on calling the IP hooks: {error.strerror or error}") from None
        near = f"{settings.canary_interface}0"
        had_pair = False
        try:
            had_pair = remove_pair(near)
        except NotOurs:
            pass
        except OSError as error:
            raise CommandError(f"the interface {near} of the self-test stays: {error.strerror or error}") from None
    if had_rule:
        print("IP rule and route of interception removed")
    if had_bridges:
        print("bridges call the IP hooks as they did before")
    if had_pair:
        print(f"interface {near} of the self-test removed")
    if had_table:
        print(f"table inet {settings.table} removed: dnsguard enforces nothing any more")
    else:
        print(f"there is no table inet {settings.table}: nothing to remove")
    return 0


def _remove_tables(table: str) -> bool:
    """Whether there was one of family inet; those of other families go with it."""
    try:
        for family in BRIDGE, IPV4, IPV6:
            with FamilySocket(family) as beside:
                _remove(beside, table)
        with NetfilterSocket() as kernel:
            return _remove(kernel, table)
    except NetlinkError as error:
        hint = ": this needs root" if error.errno == errno.EPERM else ""
        raise CommandError(f"{error}{hint}") from None
    except PermissionError:
        raise CommandError("the kernel refuses: this needs root") from None


def _remove(kernel: NetfilterSocket, table: str) -> bool:
    """Whether there was one."""
    try:
        kernel.transact([delete_table(table)])
    except NetlinkError as error:
        if error.errno == errno.ENOENT:
            return False
        raise
    return True
