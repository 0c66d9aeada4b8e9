"""What the forwarder, the controller and their supervisor are told."""

import re
import socket
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainValidator

from dnsguard.calc.evaluator.failsafe import DEFAULT_FAILSAFE, FailsafePort, FailsafePorts
from dnsguard.locations import API_PORT, HEALTH_PORT, INTERCEPT_PORT, TOKEN_FILE
from dnsguard.servers import DNS_PORT
from dnsguard.settings.forms import (
    Address,
    Network,
    SocketAddress,
    comma_separated,
    read_address,
    read_failsafe_port,
    read_interface_prefix,
    read_net,
    read_node_name,
    read_path,
    read_port,
    read_seconds,
    read_socket_address,
    read_table,
    read_upstream,
)

_LIST = BeforeValidator(comma_separated)


def default_node_name() -> str:
    """The host name, as far as it can name a node."""
    name = re.sub(r"[^a-z0-9.-]", "-", socket.gethostname().lower()).strip("-.")
    return name or "node"


class Settings(BaseModel):
    """All settings; durations are seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    state_dir: Annotated[Path, PlainValidator(read_path)]
    """What must survive a restart: store, token, learned names."""

    run_dir: Annotated[Path, PlainValidator(read_path)]
    """Sockets between our processes."""

    listen: Annotated[tuple[Annotated[SocketAddress, PlainValidator(read_socket_address)], ...], _LIST] = (
        SocketAddress(IPv4Address("127.0.0.1"), DNS_PORT),
        SocketAddress(IPv6Address("::1"), DNS_PORT),
    )
    """Where DNS questions are answered, over UDP and TCP."""

    upstreams: Annotated[tuple[Annotated[str, PlainValidator(read_upstream)], ...], _LIST] = ()
    """Trusted DNS servers, in the forms of dnsTrustedServers. `settings_from` fills in those of /etc/resolv.conf."""

    api_listen: Annotated[SocketAddress, PlainValidator(lambda value: read_socket_address(value, API_PORT))] = (
        SocketAddress(IPv4Address("127.0.0.1"), API_PORT)
    )
    """The admin API."""

    health_listen: Annotated[SocketAddress, PlainValidator(lambda value: read_socket_address(value, HEALTH_PORT))] = (
        SocketAddress(IPv4Address("127.0.0.1"), HEALTH_PORT)
    )
    """The forwarder's own health and metrics."""

    workload_interfaces: Annotated[tuple[Annotated[str, PlainValidator(read_interface_prefix)], ...], _LIST] = ("cali",)
    """Prefixes of interfaces towards workloads: what comes from one and is no known endpoint is dropped."""

    workload_cidrs: Annotated[tuple[Annotated[Network, PlainValidator(read_net)], ...], _LIST] = ()
    """Addresses of workloads: what comes from or goes to one and is no known endpoint is dropped."""

    node_name: Annotated[str, PlainValidator(read_node_name)]
    """What `spec.node` of endpoints calls this machine; by default its host name."""

    shared_resolvers: Annotated[tuple[Annotated[Address, PlainValidator(read_address)], ...], _LIST] = ()
    """Addresses that ask on behalf of others, as a cache on this node: their look-ups count for every endpoint."""

    served_clients: Annotated[tuple[Annotated[Network, PlainValidator(read_net)], ...], _LIST] = ()
    """Further clients that may ask, besides this node and its known endpoints; others are refused."""

    dns_extra_ttl: Annotated[float, PlainValidator(read_seconds)] = 0.0
    lease_scope: Literal["Client", "Node"] = "Client"
    lease_floor: Annotated[float, PlainValidator(read_seconds)] = 60.0
    """No lease is shorter."""

    commit_deadline: Annotated[float, PlainValidator(read_seconds)] = 0.25
    """How long an answer waits for its lease before it becomes SERVFAIL."""

    query_policy: Literal["AllowAll", "AllowListed"] = "AllowAll"
    """Whether names that no policy of the client allows are answered, where policy lets it ask at all."""

    intercept_dns: Literal["Off", "Workloads", "WorkloadsAndNode"] = "Off"
    """Whose DNS for other servers is answered by the forwarder, as far as policy lets that query pass. Off, since it
    takes an IP rule and route of the machine and answers in the name of others: that is to be asked for. With
    WorkloadsAndNode nothing on this machine resolves names while the forwarder is away."""

    intercept_port: Annotated[int, PlainValidator(read_port)] = INTERCEPT_PORT
    """Of loopback, UDP and TCP, where the kernel brings such queries."""

    on_stop: Literal["Keep", "Remove"] = "Keep"
    """Whether enforcement goes on when dnsguard stops. Remove is for demonstrations."""

    table: Annotated[str, PlainValidator(read_table)] = "dnsguard"
    endpoint_to_host_action: Literal["Drop", "Accept", "Return"] = "Drop"
    """What becomes of a workload's packets to its own host once its policy allowed them."""

    failsafe_inbound: Annotated[tuple[Annotated[FailsafePort, PlainValidator(read_failsafe_port)], ...], _LIST] = (
        DEFAULT_FAILSAFE.inbound
    )
    failsafe_outbound: Annotated[tuple[Annotated[FailsafePort, PlainValidator(read_failsafe_port)], ...], _LIST] = (
        DEFAULT_FAILSAFE.outbound
    )

    @property
    def failsafe(self) -> FailsafePorts:
        """The ports of the host that no policy closes."""
        return FailsafePorts(self.failsafe_inbound, self.failsafe_outbound)

    @property
    def token_file(self) -> Path:
        """The admin token, readable by its owner only."""
        return self.state_dir / TOKEN_FILE

    @property
    def link_socket(self) -> Path:
        """Where controller and forwarder meet."""
        return self.run_dir / "link.sock"

    @property
    def api_url(self) -> str:
        """The admin API's address."""
        return f"http://{self.api_listen}"
