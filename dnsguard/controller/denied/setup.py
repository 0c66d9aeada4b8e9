"""What reads logged packets, made as settings have it."""

import time
from collections.abc import Mapping
from typing import Final

from dnsguard.controller.counting.book import Counting
from dnsguard.controller.denied.names import AskedNames
from dnsguard.controller.denied.packets import InForce, LoggedPackets, PacketGroups
from dnsguard.controller.denied.tally import Tally
from dnsguard.controller.enforcement import Enforcer
from dnsguard.dataplane.rules import Plan
from dnsguard.link.server import LinkServer
from dnsguard.locations import LOG_GROUP
from dnsguard.netlink.probe import Transacting, log_refusal
from dnsguard.observe.logfile import LogFile
from dnsguard.observe.packetrecord import unshown_line
from dnsguard.observe.writer import LineWriter
from dnsguard.settings import Settings

MEGABYTE: Final = 1_000_000


def logged_packets(settings: Settings, enforcer: Enforcer[Plan], link: LinkServer, counting: Counting) -> LoggedPackets:
    """``counting``: who reads the kernel's counters."""
    groups = PacketGroups(
        denied=None if settings.packet_log == "Off" else settings.packet_log_group,
        logged=LOG_GROUP if settings.packet_log == "All" else None,
        per_second=settings.packet_log_rate,
    )
    writer = None
    if settings.packet_log != "Off":
        full = settings.packet_log_max_file_size_mb * MEGABYTE
        file = LogFile(settings.packet_log_path, full, settings.packet_log_max_files)
        writer = LineWriter(file, _lost_line, "packet log")

    def in_force() -> InForce | None:
        enforced = enforcer.enforced
        return None if enforced is None else InForce(enforced.compiled, enforced.plan)

    async def counts() -> Mapping[str, int]:
        page = await counting.page()
        return {name: counted.packets for name, counted in page.counts.items()}

    return LoggedPackets(
        groups, settings.node_name, in_force, AskedNames(link), counts, writer, Tally(settings.metrics_series)
    )


def log_trouble(settings: Settings, socket: Transacting) -> str:
    """Why denied packets cannot be logged though they are to be; empty when all is well. Blocks.

    To be asked before the first table is made: with rules that the kernel does not take there would be none.
    """
    refusal = "" if settings.packet_log == "Off" else log_refusal(socket)
    return f"denied packets are not written down: {refusal}" if refusal else ""


def _lost_line(count: int) -> str:
    return unshown_line(time.time(), count, "the file did not take them")
