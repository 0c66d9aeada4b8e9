"""What the author of a FelixConfiguration should know about it."""

from collections.abc import Iterator
from typing import Final

from dnsguard.resources.felix import FailsafeProtocol, FelixConfigurationSpec
from dnsguard.resources.felixchoices import DropAction
from dnsguard.resources.felixfields import IDLE
from dnsguard.resources.servers import Service

_SSH: Final = 22


def felix_warnings(spec: FelixConfigurationSpec) -> Iterator[str]:
    """Fields that nothing acts on, and values that do less, or more, than they look like."""
    written = spec.model_fields_set
    for field, attribute in spec.field_names().items():
        if attribute in written and field in IDLE:
            yield f"spec.{field}: is kept and has no effect: {IDLE[field]}"
    if spec.model_extra:
        yield f"spec: these fields are kept and have no effect here: {', '.join(sorted(spec.model_extra))}"
    if spec.dns_policy_mode is not None and spec.nftables_dns_policy_mode is not None:
        yield "spec.dnsPolicyMode: has no effect beside nftablesDNSPolicyMode"
    if spec.dns_trusted_servers == ():
        yield "spec.dnsTrustedServers: an empty list names no server that could be asked: leave it out for the default"
    if spec.drop_action_override not in (None, DropAction.DROP, DropAction.LOG_AND_DROP):
        yield f"spec.dropActionOverride: {spec.drop_action_override} is not followed: what policy denies is dropped"
    for index, server in enumerate(spec.dns_trusted_servers or ()):
        if isinstance(server.server, Service):
            yield (
                f"spec.dnsTrustedServers[{index}]: {server.text} is a service, and no Kubernetes API is connected:"
                " write its cluster address beside it"
            )
    for field, ports in (
        ("failsafeInboundHostPorts", spec.failsafe_inbound_host_ports),
        ("failsafeOutboundHostPorts", spec.failsafe_outbound_host_ports),
    ):
        if ports == ():
            yield f"spec.{field}: an empty list opens no port: a wrong policy can lock you out of the host"
    inbound = spec.failsafe_inbound_host_ports
    if inbound and not any(each.port == _SSH and each.protocol is FailsafeProtocol.TCP for each in inbound):
        yield "spec.failsafeInboundHostPorts: without TCP 22 a wrong policy can lock you out of the host (SSH)"
