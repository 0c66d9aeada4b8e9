"""What the forwarder, the controller and their supervisor are told."""

import re
import socket
from ipaddress import IPv4Address, IPv6Address, ip_network
from pathlib import Path
from typing import Annotated, Literal

from dnsguard.calc.evaluator.failsafe import DEFAULT_FAILSAFE, FailsafePort
from dnsguard.dataplane.canary import Canary
from dnsguard.locations import (
    API_PORT,
    API_SOCKET,
    DENIED_GROUP,
    DNS_LOG_FILE,
    HEALTH_PORT,
    INTERCEPT_PORT,
    PACKET_LOG_FILE,
    TOKEN_FILE,
)
from dnsguard.servers import DNS_PORT
from dnsguard.settings.checked import BeforeValidator, Checked, PlainValidator
from dnsguard.settings.forms import (
    Address,
    Network,
    SocketAddress,
    comma_separated,
    labels_listed,
    read_address,
    read_bound,
    read_bridge,
    read_canary_nets,
    read_certificates,
    read_count,
    read_docker_network,
    read_domain,
    read_fail_open,
    read_failsafe_port,
    read_file,
    read_interface_prefix,
    read_log_group,
    read_mark_mask,
    read_namespace,
    read_net,
    read_node_label,
    read_node_name,
    read_pair_name,
    read_path,
    read_port,
    read_seconds,
    read_self_test_interval,
    read_socket_address,
    read_table,
    read_unleased_nets,
    read_upstream,
    read_workers,
)

_LIST = BeforeValidator(comma_separated)


def default_node_name() -> str:
    """The host name, as far as it can name a node."""
    name = re.sub(r"[^a-z0-9.-]", "-", socket.gethostname().lower()).strip("-.")
    return name or "node"


class Settings(Checked):
    """All settings; durations are seconds."""

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

    upstream_ca_file: Annotated[Path | None, PlainValidator(read_certificates)] = None
    """Certificates, in PEM, of who may sign those of upstreams that are asked over TLS. None: those the system trusts,
    for so do all other programs on this machine."""

    api_listen: Annotated[SocketAddress, PlainValidator(lambda value: read_socket_address(value, API_PORT))] = (
        SocketAddress(IPv4Address("127.0.0.1"), API_PORT)
    )
    """The admin API."""

    audit: Literal["Require", "Try"] = "Require"
    """Whether a change is refused while the record of it cannot be written. Require: nothing is changed that no record
    tells of. Try: changes go on, and the status says that records are missing."""

    api_tls: Literal["On", "Off"] = "On"
    """Off sends tokens in the clear: for a proxy on the same machine that does TLS itself."""

    api_cert_file: Annotated[Path | None, PlainValidator(read_certificates)] = None
    """Certificate of the API with those that lead to its authority, in PEM. None: one of our own making, in the state
    directory."""

    api_key_file: Annotated[Path | None, PlainValidator(read_file)] = None
    """The key of it, in PEM and without a password."""

    api_client_ca_file: Annotated[Path | None, PlainValidator(read_certificates)] = None
    """Who may sign certificates of clients. None: clients have tokens only."""

    api_rate: Annotated[int, PlainValidator(read_count)] = 500
    """Requests a second of one caller over TCP, and twice as many at once: more than any controller or script of one
    person sends, and less than keeps the others waiting. Kubernetes' clients send 5 to 50."""

    health_listen: Annotated[SocketAddress, PlainValidator(lambda value: read_socket_address(value, HEALTH_PORT))] = (
        SocketAddress(IPv4Address("127.0.0.1"), HEALTH_PORT)
    )
    """The forwarder's own health and metrics."""

    metrics_series: Annotated[int, PlainValidator(read_bound)] = 2_000
    """Series that a family of the controller's metrics may have for rules, and one for policies. With more of them
    there is none: the family of policies, or that of tiers, says it all together, and `dnsguard get --stats` shows
    each. A thousand policies of ten rules would be 20 000 series of every node."""

    workload_interfaces: Annotated[tuple[Annotated[str, PlainValidator(read_interface_prefix)], ...], _LIST] = ("cali",)
    """Prefixes of interfaces towards workloads: what comes from one and is no known endpoint is dropped."""

    workload_bridges: Annotated[tuple[Annotated[str, PlainValidator(read_bridge)], ...], _LIST] = ()
    """Bridges whose every port is a workload's, as one of containers: closed from its first frame until an endpoint
    names it, whether dnsguard runs or not. A bridge may come later, or come again. Other bridges are left alone."""

    workload_cidrs: Annotated[tuple[Annotated[Network, PlainValidator(read_net)], ...], _LIST] = ()
    """Addresses of workloads: what comes from or goes to one and is no known endpoint is dropped."""

    docker: Literal["Off", "On"] = "Off"
    """Whether containers become endpoints by themselves. Off, for whoever may use Docker's socket is root: that is to
    be asked for, though nothing but reading is done with it."""

    docker_socket: Annotated[Path, PlainValidator(read_path)] = Path("/var/run/docker.sock")
    """Of Docker's API."""

    docker_networks: Annotated[tuple[Annotated[str, PlainValidator(read_docker_network)], ...], _LIST] = ()
    """Names or ids of Docker's networks whose containers count; none: all that are bridges of this machine."""

    docker_namespace: Annotated[str, PlainValidator(read_namespace)] = "docker"
    """Where their endpoints are, and so the policies for them that are in a namespace."""

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

    unleased_nets: Annotated[tuple[Network, ...], PlainValidator(read_unleased_nets)] = ()
    """Networks whose addresses no name opens, in whatever form; `private` stands for all private ones. None unless set:
    names of services inside lead to private addresses. What a name outside leads to is up to whoever owns the name."""

    leases_per_client: Annotated[int, PlainValidator(read_bound)] = 16_384
    """Records that one client may learn: many times what a crawler of the web needs in a minute, and a sixtieth of all,
    so that who asks for endless children of an allowed wildcard fills only its own part."""

    leases_per_name: Annotated[int, PlainValidator(read_bound)] = 1_000
    """Addresses that one name may lead a client to: names of large content networks lead to hundreds within an hour."""

    leases_in_total: Annotated[int, PlainValidator(read_bound)] = 1_000_000
    """Records learned, and elements in the kernel: each a hundred octets or two of memory, here and there. At each of
    the three bounds the answer that would need more is SERVFAIL; no lease that lives is given up for another."""

    commit_deadline: Annotated[float, PlainValidator(read_seconds)] = 0.25
    """How long an answer waits for its lease before it becomes SERVFAIL."""

    workers: Annotated[int, PlainValidator(read_workers)] = 1
    """Processes that answer. More than one is for nodes where one processor is not enough: each asks and caches by
    itself, and has what its answers open written by the first."""

    prefetch: Literal["On", "Off"] = "On"
    """Whether a name that is asked for when its answer in the cache is about to expire is fetched anew at once: for a
    tenth more questions upstream nobody waits for names that are in use."""

    serve_stale: Annotated[float, PlainValidator(read_seconds)] = 0.0
    """How long an expired answer may still be given when no server answers (RFC 8767), its lease as short as they come.
    Off: an address may have another owner by then."""

    query_policy: Literal["AllowAll", "AllowListed"] = "AllowAll"
    """Whether names that no policy of the client allows are answered, where policy lets it ask at all."""

    intercept_dns: Literal["Off", "Workloads", "WorkloadsAndNode"] = "Off"
    """Whose DNS for other servers is answered by the forwarder, as far as policy lets that query pass. Off, since it
    takes an IP rule and route of the machine and answers in the name of others: that is to be asked for. With
    WorkloadsAndNode nothing on this machine resolves names while the forwarder is away."""

    intercept_port: Annotated[int, PlainValidator(read_port)] = INTERCEPT_PORT
    """Of loopback, UDP and TCP, where the kernel brings such queries."""

    query_refusal: Literal["Refused", "NXDomain"] = "Refused"
    """How a name that policy denies is answered. REFUSED says what it is, but a program with musl waits it out, and one
    with glibc asks its other servers first; NXDOMAIN is final for both, and looks like a name that does not exist."""

    search_domains: Annotated[tuple[Annotated[str, PlainValidator(read_domain)], ...], _LIST] = ("cluster.local",)
    """Domains that resolvers of workloads append to names. A name below one is answered as policy has it; where policy
    denies it, NXDOMAIN it is, so that the resolver goes on with its list. `settings_from` adds those of
    /etc/resolv.conf, which containers take over; cluster.local, because Kubernetes calls its own so by default."""

    dns_log: Literal["Off", "Denied", "All"] = "Off"
    """Which queries are written to the DNS log: none, those that were refused or failed, or all. Off, as in Calico: to
    write one down takes some 25 µs, more than to answer it from the cache, and who asked what may be nobody's business.
    The last thousand that were refused or failed are kept in memory either way."""

    dns_log_file: Annotated[Path | None, PlainValidator(read_path)] = None
    """Where it is written, a JSON object a line; by default `dns-log.jsonl` in the state directory."""

    dns_log_max_files: Annotated[int, PlainValidator(read_count)] = 5
    """Files of the log together: a full one is renamed, and the oldest goes. As in Calico."""

    dns_log_max_file_size_mb: Annotated[int, PlainValidator(read_count)] = 100
    """Megabytes of one of them: a quarter of a million queries. As in Calico."""

    dns_log_client_lines: Annotated[int, PlainValidator(read_count)] = 1_000
    """Lines a second of one client, and a kilobyte for each of them: no client fills the log. What goes beyond is
    counted and said in it. A cache that asks for many may need more. Each process counts for itself: with `workers`,
    a client whose queries come to several of them may have as many lines of each."""

    fail_open_after: Annotated[float, PlainValidator(read_fail_open)] = 0.0
    """After how long without a forwarder that is alive everything passes; the controller's setting. Off: never. On,
    whoever can keep the forwarder from running for so long switches policy off: for where no network is worse. No
    resource says it, for whoever may write policy must not switch it off for a whole node."""

    packet_log: Literal["Off", "Denied", "All"] = "All"
    """Which packets are written down: what is denied, or that and what Log rules show. On, since who asks why nothing
    gets through has the answer then, and limited: what nobody denies costs nothing. Groups of NFLOG that another
    program has are left to it, and the status says so."""

    packet_log_file: Annotated[Path | None, PlainValidator(read_path)] = None
    """Where that is written, a JSON object a line; by default `packet-log.jsonl` in the state directory."""

    packet_log_max_files: Annotated[int, PlainValidator(read_count)] = 5
    packet_log_max_file_size_mb: Annotated[int, PlainValidator(read_count)] = 20
    """Megabytes of one of them: 50 000 records."""

    packet_log_rate: Annotated[int, PlainValidator(read_count)] = 100
    """Denied packets a second of each interface towards workloads that the kernel shows us, and ten times as many of
    each rule. What goes beyond is denied just the same, counted, and said in the log: whoever floods takes no more of
    our time than this, and hides nothing of others."""

    packet_log_group: Annotated[int, PlainValidator(read_log_group)] = DENIED_GROUP
    """The NFLOG group of denied packets. That of Log rules is 100."""

    revoke_established: Literal["On", "Off"] = "Off"
    """Whether a connection ends when policy no longer allows it. Off, as in Calico: what is established goes on."""

    conntrack_mark_mask: Annotated[int, PlainValidator(read_mark_mask)] = 0x0000_FF00
    """The bits of connections' marks that are ours, where established connections are revoked. None where they are not.
    Other programs on the node must leave them alone."""

    self_test: Literal["Require", "Try", "Off"] = "Try"
    """Whether readiness asks for proof that the table enforces: packets of a canary, which pass while they are leased
    and do not when they are not. Where no canary can be made, or others drop what it may send, Try says so and is ready
    all the same, for a container may have just the rights that enforcing takes; Require is not. Either way the node is
    not ready once the proof was there and fails, nor where a packet passes that must not."""

    self_test_interval: Annotated[float, PlainValidator(read_self_test_interval)] = 5.0
    """Between two rounds of it, each of which takes half a millisecond. What was proven counts for three of them."""

    canary_interface: Annotated[str, PlainValidator(read_pair_name)] = "dgcanary"
    """The names of its pair of interfaces begin so; 0 and 1 follow."""

    canary_nets: Annotated[tuple[Network, ...], PlainValidator(read_canary_nets)] = (
        ip_network("192.0.0.240/30"),
        ip_network("100::dc:0/126"),
    )
    """Where its addresses are from. Of 192.0.0.0/24 and 100::/64 (RFC 6890, 6666), which nobody has: of the first this
    part is not assigned, what goes to the second is to be discarded everywhere."""

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

    auto_host_endpoint: Literal["Off", "On"] = "Off"
    """Whether this node has a host endpoint by itself, as Calico's autoCreate: for every interface, with the node's
    addresses and labels, and a profile that allows everything until a policy applies. Off, since policies that select
    everybody then judge the node, too."""

    node_labels: Annotated[
        tuple[Annotated[tuple[str, str], PlainValidator(read_node_label)], ...], BeforeValidator(labels_listed)
    ] = ()
    """What policies select the automatic host endpoint by."""

    @property
    def canary(self) -> Canary | None:
        """By whom it is proven that the table enforces; None where nobody asks."""
        if self.self_test == "Off":
            return None
        return Canary(f"{self.canary_interface}0", f"{self.canary_interface}1", self.canary_nets)

    @property
    def token_file(self) -> Path:
        """The admin token, readable by its owner only."""
        return self.state_dir / TOKEN_FILE

    @property
    def dns_log_path(self) -> Path:
        """Where the DNS log is written."""
        return self.dns_log_file or self.state_dir / DNS_LOG_FILE

    @property
    def packet_log_path(self) -> Path:
        """Where denied packets are written down."""
        return self.packet_log_file or self.state_dir / PACKET_LOG_FILE

    @property
    def link_socket(self) -> Path:
        """Where controller and forwarder meet."""
        return self.run_dir / "link.sock"

    @property
    def api_url(self) -> str:
        """The admin API's address."""
        return f"http{'s' if self.api_tls == 'On' else ''}://{self.api_listen}"

    @property
    def api_socket(self) -> Path:
        """Where the administrator of this machine finds the API."""
        return self.run_dir / API_SOCKET
