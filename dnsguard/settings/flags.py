"""Every setting as a flag: what `--help` says of it, and of its default."""

import argparse
from collections.abc import Mapping

from dnsguard.settings.forms import SocketAddress
from dnsguard.settings.model import Settings

SECTIONS: Mapping[str, Mapping[str, str]] = {
    "where": {
        "state_dir": "what must survive a restart: store, token, learned names; default for root: /var/lib/dnsguard",
        "run_dir": "sockets between the processes; default for root: /run/dnsguard",
        "node_name": "what endpoints call this machine; default: its host name",
        "api_listen": "address of the admin API",
        "audit": "Require or Try: is a change refused while the audit log cannot be written",
        "api_tls": "On or Off: is the API served over TLS; its Unix socket never is",
        "api_cert_file": "PEM file of the API's certificate; default: one of our own making, in the state directory",
        "api_key_file": "PEM file of its key; default: that of our own making",
        "api_client_ca_file": "PEM file of who may sign certificates of clients, where CN is the user and O the groups;"
        " default: nobody",
        "api_rate": "requests a second of one caller over TCP",
        "health_listen": "address of the forwarder's health and metrics",
        "metrics_series": "series that a metric of rules or of policies may have; with more there is none of them",
    },
    "DNS": {
        "listen": "addresses to answer DNS on, separated by commas",
        "upstreams": "trusted DNS servers, separated by commas: 192.0.2.53, [2001:db8::53]:5353, dns.example.org or,"
        " over TLS, tls://192.0.2.53#dns.example.org; default: those of /etc/resolv.conf",
        "upstream_ca_file": "PEM file of who may sign certificates of upstreams over TLS; default: whom the system"
        " trusts",
        "served_clients": "further clients that may ask, besides this node and its endpoints, as CIDRs separated by"
        " commas",
        "query_policy": "AllowAll or AllowListed: are names that no policy allows answered",
        "query_refusal": "Refused or NXDomain: how names that policy denies are answered",
        "search_domains": "domains that resolvers append to names, separated by commas: there a denied name is"
        " NXDOMAIN; default: cluster.local and those of /etc/resolv.conf",
        "intercept_dns": "Off, Workloads or WorkloadsAndNode: is their DNS for other servers answered here",
        "intercept_port": "port of loopback where the kernel brings it",
        "prefetch": "On or Off: are answers that are about to expire fetched anew when they are asked for",
        "serve_stale": "how long an expired answer may be given when no server answers; 0s: never",
        "workers": "processes that answer DNS",
    },
    "what names open": {
        "lease_scope": "Client or Node: for whom a look-up opens an address",
        "lease_floor": "no lease is shorter",
        "dns_extra_ttl": "added to every lease (10s, 5m)",
        "shared_resolvers": "addresses whose look-ups count for every endpoint, separated by commas",
        "unleased_nets": "CIDRs that no name opens, separated by commas; private: all private ones",
        "leases_per_client": "records that one client may learn",
        "leases_per_name": "addresses that one name may lead a client to",
        "leases_in_total": "records learned, and elements in the kernel",
        "commit_deadline": "how long an answer waits for its lease",
    },
    "containers": {
        "docker": "On or Off: do Docker's containers become endpoints by themselves",
        "docker_socket": "Docker's Unix socket",
        "docker_networks": "names of its networks whose containers do, separated by commas; default: all bridges",
        "docker_namespace": "namespace that the endpoints of containers are in",
    },
    "enforcement": {
        "workload_interfaces": "prefixes of interfaces towards workloads, separated by commas",
        "workload_bridges": "bridges whose every port is a workload's, separated by commas",
        "workload_cidrs": "addresses of workloads, separated by commas",
        "endpoint_to_host_action": "Drop, Accept or Return: a workload's packets to its own host",
        "failsafe_inbound": "host ports that no policy closes, or none; those of the default are joined by the admin"
        " API's where it is reached from elsewhere",
        "failsafe_outbound": "the same for connections of the host itself; those of the default by the trusted DNS"
        " servers",
        "auto_host_endpoint": "Off or On: has this node a host endpoint by itself, for all its interfaces",
        "node_labels": "labels of it, as zone=a, separated by commas",
        "revoke_established": "On or Off: does a connection end when policy no longer allows it",
        "conntrack_mark_mask": "bits of connections' marks that are ours while revoke_established is On",
        "fail_open_after": "without a forwarder for so long (30s to 24h) everything passes; Off: never",
        "on_stop": "Keep or Remove: does enforcement go on when dnsguard stops",
        "table": "name of the nftables table",
    },
    "self-test": {
        "self_test": "Require, Try or Off: does readiness ask for proof, by packets, that the table enforces",
        "self_test_interval": "how often that is proven (100ms to 1h)",
        "canary_interface": "what the names of the self-test's two interfaces begin with",
        "canary_nets": "where the self-test's addresses are from: one network of each family at most",
    },
    "DNS log": {
        "dns_log": "Off, Denied or All: which queries are written to the DNS log",
        "dns_log_file": "where the DNS log is; default: dns-log.jsonl in the state directory",
        "dns_log_max_files": "files of the DNS log together, full ones among them",
        "dns_log_max_file_size_mb": "megabytes of one of them",
        "dns_log_client_lines": "lines a second of one client in the DNS log",
    },
    "packet log": {
        "packet_log": "Off, Denied or All: which packets are written down: none, denied ones, or what Log rules show,"
        " too",
        "packet_log_file": "where the packet log is; default: packet-log.jsonl in the state directory",
        "packet_log_max_files": "files of the packet log together, full ones among them",
        "packet_log_max_file_size_mb": "megabytes of one of them",
        "packet_log_rate": "denied packets a second of one interface in the packet log; what goes beyond is counted",
        "packet_log_group": "NFLOG group of denied packets; Log rules have 100",
    },
}
"""Title → setting → what `--help` says of it. Every setting is a flag, a variable and a key of the file, under one
name."""

FLAGS: Mapping[str, str] = {name: text for section in SECTIONS.values() for name, text in section.items()}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Give a parser `--config` and a flag for every setting, which its usage, of what it has so far, does not list."""
    parser.usage = f"{parser.format_usage().removeprefix('usage: ').rstrip()} [--config FILE] [--SETTING VALUE ...]"
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="YAML file with settings: each is a key there (node_name), a variable (DNSGUARD_NODE_NAME) and a flag"
        " (--node-name); flags come first, then variables",
    )
    for title, section in SECTIONS.items():
        group = parser.add_argument_group(f"settings: {title}")
        for name, text in section.items():
            group.add_argument(
                f"--{name.replace('_', '-')}", dest=f"setting_{name}", metavar="VALUE", help=text + _default_text(name)
            )


def _default_text(name: str) -> str:
    """What `--help` adds about the default, where it is the same on every machine."""
    field = Settings.model_fields[name]
    if field.is_required() or field.default is None or name in ("upstreams", "search_domains", "docker_networks"):
        return ""
    values = field.default if isinstance(field.default, tuple | list) else (field.default,)
    if name == "conntrack_mark_mask":
        values = (f"0x{field.default:08x}",)
    if isinstance(field.default, SocketAddress):
        values = (field.default,)
    if isinstance(field.default, float):
        values = (f"{field.default:g}s" if field.default >= 1 or not field.default else f"{field.default * 1000:g}ms",)
    if name == "fail_open_after":
        values = ("Off",)
    return f" (default: {', '.join(map(str, values)) or 'none'})"
