"""The node as the dataplane and the forwarder need it: from our settings, from resources and from the machine."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address

from dnsguard.calc.compiled import Address
from dnsguard.calc.evaluator.node import Node
from dnsguard.dataplane.ports import BridgePorts
from dnsguard.dataplane.settings import DeniedLog, DenyAction, HostAction, Interception, Listen
from dnsguard.dataplane.settings import Settings as PlanSettings
from dnsguard.link.messages import DnsConfiguration
from dnsguard.netlink.addresses import machine_addresses
from dnsguard.resources import FelixConfiguration, HostEndpoint, Resource
from dnsguard.servers import Server, read_server
from dnsguard.settings import Settings
from dnsguard.settings.effective import Effective, effective
from dnsguard.span import exchanged

log = logging.getLogger(__name__)

ADDRESS_SECONDS = 5.0
"""Between two looks at the machine's addresses."""

InterfaceAddresses = tuple[tuple[str, tuple[Address, ...]], ...]


def plan_settings(
    settings: Settings,
    interfaces: InterfaceAddresses = (),
    configuration: Effective | None = None,
    ports: BridgePorts = (),
) -> PlanSettings:
    """What shapes the plan besides policy. Without ``configuration`` no resource says anything."""
    configuration = configuration or effective(settings, ())
    return PlanSettings(
        table=settings.table,
        node=settings.node_name,
        workload_interfaces=tuple(f"{prefix}*" for prefix in settings.workload_interfaces),
        workload_bridges=settings.workload_bridges,
        workload_cidrs=settings.workload_cidrs,
        interface_addresses=interfaces,
        bridge_ports=ports,
        listen=tuple(Listen(listen.address, listen.port) for listen in settings.listen),
        interception=interception(settings, configuration),
        canary=settings.canary,
        endpoint_to_host=HostAction(configuration.endpoint_to_host),
        allow_vxlan=configuration.allow_vxlan,
        allow_ipip=configuration.allow_ipip,
        deny=DenyAction(configuration.deny),
        fail_open_after=settings.fail_open_after,
        denied_log=denied_log(settings),
        failsafe=configuration.failsafe,
        mark_mask=settings.conntrack_mark_mask if settings.revoke_established == "On" else 0,
    )


def evaluated_node(plan: PlanSettings) -> Node:
    """The node as the evaluator knows it, from what the plan says of it."""
    return Node(
        name=plan.node,
        bridge_ports=plan.bridge_ports,
        interface_addresses=plan.interface_addresses,
        workload_interfaces=plan.workload_names,
        workload_cidrs=plan.workload_cidrs,
        listen=plan.listen,
        intercepts_dns=plan.interception is not None,
        trusted_servers=frozenset(() if plan.interception is None else plan.interception.trusted),
        endpoint_to_host=plan.endpoint_to_host,
        allow_vxlan=plan.allow_vxlan,
        allow_ipip=plan.allow_ipip,
        failsafe=plan.failsafe,
    )


def denied_log(settings: Settings) -> DeniedLog | None:
    """What the settings want of denied packets."""
    if settings.packet_log == "Off":
        return None
    return DeniedLog(settings.packet_log_group, settings.packet_log_rate)


def foundation_settings(settings: Settings) -> PlanSettings:
    """Of the table before anything is known. Nothing is intercepted or judged again then, and no canary has a place: a
    table of an earlier run is adopted as it is, whether that one had these or not."""
    return replace(plan_settings(settings), endpoints_known=False, interception=None, mark_mask=0, canary=None)


def interception(settings: Settings, configuration: Effective) -> Interception | None:
    """What the settings want of DNS for other servers."""
    if settings.intercept_dns == "Off":
        return None
    trusted: dict[Address, None] = {}
    for text in settings.upstreams if configuration.trusted_servers is None else configuration.trusted_servers:
        with contextlib.suppress(ValueError):  # the forwarder says what is wrong with it
            server = read_server(text)
            if isinstance(server, Server):
                trusted[ip_address(server.address)] = None
    return Interception(settings.intercept_port, settings.intercept_dns == "WorkloadsAndNode", tuple(trusted))


def dns_configuration(settings: Settings, configuration: Effective) -> DnsConfiguration:
    """What the forwarder is told. Where its own settings are others than ours, those come first there."""
    return DnsConfiguration(
        trusted_servers=configuration.trusted_servers or (),
        extra_ttl=-1.0 if configuration.extra_ttl is None else configuration.extra_ttl,
        cache_epoch=configuration.cache_epoch,
        no_delay=configuration.no_delay,
        hold=configuration.hold or 0.0,
        save_interval=configuration.save_interval or 0.0,
        dns_log=configuration.dns_log or "",
        dns_log_max_files=configuration.dns_log_max_files or 0,
        dns_log_max_file_size_mb=configuration.dns_log_max_file_size_mb or 0,
        fail_open_after=settings.fail_open_after,
    )


class SeenResources:
    """The list of all resources as it was last seen, and the few of them that speak of the node itself."""

    KINDS = (HostEndpoint, FelixConfiguration)

    def __init__(self) -> None:
        self.all: tuple[Resource, ...] = ()
        """The same tuple for as long as the resources are the same objects."""

        self.of_node: tuple[Resource, ...] = ()

    def see(self, resources: tuple[Resource, ...]) -> None:
        """Turn to this list; its order does not matter."""
        gone, came = exchanged(self.all, resources)
        if any(isinstance(each, self.KINDS) for several in (gone, came) for each in several):
            self.of_node = tuple(each for each in resources if isinstance(each, self.KINDS))
        if gone or came:
            self.all = resources


def interface_addresses(resources: tuple[Resource, ...]) -> InterfaceAddresses:
    """The machine's interfaces with their addresses; asked only where a host endpoint may be bound to them.

    Raises OSError.
    """
    if any(isinstance(resource, HostEndpoint) for resource in resources):
        return addresses_by_interface()
    return ()


def addresses_by_interface() -> InterfaceAddresses:
    """The machine's interfaces with their addresses. Blocks for a moment. Raises OSError."""
    found: dict[str, list[Address]] = {}
    names = dict(socket.if_nameindex())
    for index, address in machine_addresses():
        if index in names:
            found.setdefault(names[index], []).append(address)
    return tuple((name, tuple(addresses)) for name, addresses in sorted(found.items()))


async def watch_addresses(
    resources: Callable[[], tuple[Resource, ...]], changed: Callable[[], None], seconds: float = ADDRESS_SECONDS
) -> None:
    """Call ``changed`` when an interface of the machine got or lost an address that may be a host endpoint's.

    Runs until cancelled.
    """
    known: InterfaceAddresses | None = None
    while True:
        try:
            found = await asyncio.to_thread(interface_addresses, resources())
        except OSError as error:
            log.warning("the machine's addresses cannot be read: %s", error)
        else:
            if known is not None and found != known:
                changed()
            known = found
        await asyncio.sleep(seconds)
