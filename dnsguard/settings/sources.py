"""Where settings come from: flags, then environment (`DNSGUARD_…`), then the file of `--config`, then defaults.

Everything that is wrong is reported at once, each with the place its value came from.
"""

import argparse
import difflib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dnsguard.errors import DnsguardError
from dnsguard.locations import RESOLV_CONF, default_run_dir, default_state_dir
from dnsguard.servers import DNS_PORT, NamedServer, read_server
from dnsguard.settings.checked import Fault, InvalidValues
from dnsguard.settings.forms import SocketAddress, read_address, read_domain, read_path
from dnsguard.settings.model import Settings, default_node_name

ENV_PREFIX = "DNSGUARD_"


class SettingsError(DnsguardError):
    """Settings are wrong; `problems` lists all of them, a line each in `str()`."""

    exit_code = 2

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


FLAGS: Mapping[str, str] = {
    "state_dir": "what must survive a restart: store, token, learned names; default for root: /var/lib/dnsguard",
    "run_dir": "sockets between the processes; default for root: /run/dnsguard",
    "listen": "addresses to answer DNS on, separated by commas",
    "upstreams": "trusted DNS servers, separated by commas: 192.0.2.53, [2001:db8::53]:5353, dns.example.org or, over"
    " TLS, tls://192.0.2.53#dns.example.org; default: those of /etc/resolv.conf",
    "upstream_ca_file": "PEM file of who may sign certificates of upstreams over TLS; default: whom the system trusts",
    "api_listen": "address of the admin API",
    "health_listen": "address of the forwarder's health and metrics",
    "metrics_series": "series that a metric of rules or of policies may have; with more there is none of them",
    "workload_interfaces": "prefixes of interfaces towards workloads, separated by commas",
    "workload_cidrs": "addresses of workloads, separated by commas",
    "node_name": "what endpoints call this machine; default: its host name",
    "shared_resolvers": "addresses whose look-ups count for every endpoint, separated by commas",
    "served_clients": "further clients that may ask, besides this node and its endpoints, as CIDRs separated by commas",
    "dns_extra_ttl": "added to every lease (10s, 5m)",
    "lease_scope": "Client or Node: for whom a look-up opens an address",
    "lease_floor": "no lease is shorter",
    "unleased_nets": "CIDRs that no name opens, separated by commas; private: all private ones",
    "leases_per_client": "records that one client may learn",
    "leases_per_name": "addresses that one name may lead a client to",
    "leases_in_total": "records learned, and elements in the kernel",
    "commit_deadline": "how long an answer waits for its lease",
    "workers": "processes that answer DNS",
    "prefetch": "On or Off: are answers that are about to expire fetched anew when they are asked for",
    "serve_stale": "how long an expired answer may be given when no server answers",
    "query_policy": "AllowAll or AllowListed: are names that no policy allows answered",
    "intercept_dns": "Off, Workloads or WorkloadsAndNode: is their DNS for other servers answered here",
    "intercept_port": "port of loopback where the kernel brings it",
    "query_refusal": "Refused or NXDomain: how names that policy denies are answered",
    "search_domains": "domains that resolvers append to names, separated by commas: there a denied name is NXDOMAIN;"
    " default: cluster.local and those of /etc/resolv.conf",
    "dns_log": "Off, Denied or All: which queries are written to the DNS log",
    "dns_log_file": "where the DNS log is; default: dns-log.jsonl in the state directory",
    "dns_log_max_files": "files of the DNS log together, full ones among them",
    "dns_log_max_file_size_mb": "megabytes of one of them",
    "dns_log_client_lines": "lines a second of one client in the DNS log",
    "fail_open_after": "without a forwarder for so long (30s, 5m) everything passes; Off: never",
    "packet_log": "Off, Denied or All: which packets are written down, denied ones or what Log rules show, too",
    "packet_log_file": "where packets are written down; default: packet-log.jsonl in the state directory",
    "packet_log_max_files": "files of that together, full ones among them",
    "packet_log_max_file_size_mb": "megabytes of one of them",
    "packet_log_rate": "denied packets a second of one interface that are shown; beyond it they are counted",
    "packet_log_group": "NFLOG group of denied packets",
    "revoke_established": "On or Off: does a connection end when policy no longer allows it",
    "conntrack_mark_mask": "bits of connections' marks that are ours then",
    "self_test": "Require, Try or Off: does readiness ask for proof, by packets, that the table enforces",
    "self_test_interval": "how often that is proven",
    "canary_interface": "what the names of its pair of interfaces begin with",
    "canary_nets": "where its addresses are from: one network of each family at most",
    "on_stop": "Keep or Remove: does enforcement go on when dnsguard stops",
    "table": "name of the nftables table",
    "endpoint_to_host_action": "Drop, Accept or Return: a workload's packets to its own host",
    "failsafe_inbound": "host ports that no policy closes, or none",
    "failsafe_outbound": "the same for connections of the host itself",
}
"""Setting → what `--help` says of it. Every setting is a flag, a variable and a key of the file, under one name."""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Give a parser `--config` and a flag for every setting."""
    parser.add_argument("--config", metavar="FILE", help="YAML file with settings")
    for name, text in FLAGS.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}", dest=f"setting_{name}", metavar="VALUE", help=text + _default_text(name)
        )


def _default_text(name: str) -> str:
    """What `--help` adds about the default, where it is the same on every machine."""
    field = Settings.model_fields[name]
    if field.is_required() or field.default is None or name in ("upstreams", "search_domains"):
        return ""
    values = field.default if isinstance(field.default, tuple | list) else (field.default,)
    if name == "conntrack_mark_mask":
        values = (f"0x{field.default:08x}",)
    if isinstance(field.default, SocketAddress):
        values = (field.default,)
    if isinstance(field.default, float):
        values = (f"{field.default:g}s" if field.default >= 1 or not field.default else f"{field.default * 1000:g}ms",)
    return f" (default: {', '.join(map(str, values)) or 'none'})"


def settings_from_argv(argv: Sequence[str], prog: str, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of a process that takes nothing but settings. Raises SettingsError; bad usage and --help exit."""
    parser = argparse.ArgumentParser(prog=prog, allow_abbrev=False)
    add_flags(parser)
    return settings_from(parser.parse_args(argv), environ)


def settings_from(
    flags: argparse.Namespace, environ: Mapping[str, str] = os.environ, *, needs_upstreams: bool = True
) -> Settings:
    """The settings that flags (of `add_flags`), environment, file and defaults make. Raises SettingsError.

    Without `needs_upstreams` a machine that has none is no error: for commands that ask nobody.
    """
    problems: list[str] = []
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for origin, name, value in (
        *_from_file(flags.config or environ.get(f"{ENV_PREFIX}CONFIG"), problems),
        *_from_environment(environ, problems),
        *_from_flags(flags),
    ):
        values[name], origins[name] = value, origin
    _add_defaults(values, environ)
    given = frozenset(values)
    try:
        settings = Settings.model_validate(values)
    except InvalidValues as error:
        problems += [_problem(fault, origins) for fault in error.faults]
        raise SettingsError(problems) from None
    if "search_domains" not in given:
        settings = _with_search_domains(settings)
    if needs_upstreams:
        settings, more = _with_upstreams(settings, given="upstreams" in given)
        problems += more
    if problems:
        raise SettingsError(problems)
    return settings


def _problem(fault: Fault, origins: Mapping[str, str]) -> str:
    place = "".join(f"[{step}]" for step in fault.place)
    return f"{origins.get(fault.name, fault.name)}{place}: {fault.text}"


def _unknown(name: str) -> str:
    close = difflib.get_close_matches(name, list(FLAGS), n=1)
    return f"is no setting; did you mean {close[0]}?" if close else f"is no setting; they are {', '.join(FLAGS)}"


def _from_file(path: str | None, problems: list[str]) -> list[tuple[str, str, Any]]:
    if not path:
        return []
    from dnsguard.yamltext import YamlError, documents  # takes time, and most have no file

    try:
        read = [document.value for document in documents(Path(path).read_text(encoding="utf-8"))]
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"--config {path}: cannot be read: {getattr(error, 'strerror', None) or error}")
        return []
    except YamlError as error:
        problems.append(f"{path}: {error}")
        return []
    if read in ([], [None]):
        return []
    if len(read) > 1 or not isinstance(read[0], dict):
        problems.append(f"{path}: must be one mapping of settings")
        return []
    settings = read[0]
    problems += [f"{path}: {key}: {_unknown(key)}" for key in settings if key not in FLAGS]
    return [(f"{path}: {key}", key, value) for key, value in settings.items() if key in FLAGS and value is not None]


# Variables of the client commands and of the processes' environment, which are no settings.
_OTHER_VARIABLES = frozenset({"CONFIG", "SERVER", "TOKEN", "TOKEN_FILE"})


def _from_environment(environ: Mapping[str, str], problems: list[str]) -> list[tuple[str, str, str]]:
    found = []
    for variable, value in environ.items():
        name = variable.removeprefix(ENV_PREFIX)
        if name == variable or name in _OTHER_VARIABLES or name.startswith("TEST"):
            continue
        if name.lower() in FLAGS and name.isupper():
            found.append((variable, name.lower(), value))
        else:
            problems.append(f"{variable}: {_unknown(name.lower())}")
    return found


def _from_flags(flags: argparse.Namespace) -> list[tuple[str, str, str]]:
    given = ((name, getattr(flags, f"setting_{name}", None)) for name in FLAGS)
    return [(f"--{name.replace('_', '-')}", name, value) for name, value in given if value is not None]


def _add_defaults(values: dict[str, Any], environ: Mapping[str, str]) -> None:
    values.setdefault("state_dir", default_state_dir(environ))
    try:
        values.setdefault("run_dir", default_run_dir(read_path(values["state_dir"])))
    except ValueError:
        values.setdefault("run_dir", Path())  # the state directory is reported
    values.setdefault("node_name", default_node_name())


def _with_upstreams(settings: Settings, *, given: bool) -> tuple[Settings, list[str]]:
    """The same with upstreams from resolv.conf where none are given, less ourselves."""
    own = {str(address) for address in settings.listen}
    if given:
        loops = [server for server in settings.upstreams if server in own]
        problems = [
            f"upstreams: {server} is this forwarder itself (listen): questions would go round" for server in loops
        ]
        problems += _unreachable(settings)
        if not settings.upstreams:
            problems.append("upstreams: the list is empty: write at least one trusted DNS server")
        return settings, problems
    found = tuple(server for server in system_resolvers(RESOLV_CONF) if server not in own)
    if not found:
        return settings, [f"upstreams: {RESOLV_CONF} names no server besides ourselves: set upstreams"]
    return settings.filled(upstreams=found), []


def _unreachable(settings: Settings) -> list[str]:
    """Upstreams by name, where who they are would be asked of ourselves."""
    if settings.intercept_dns != "WorkloadsAndNode":
        return []
    named = (server for server in map(read_server, settings.upstreams) if isinstance(server, NamedServer))
    return [
        f"upstreams: {server} is a name, and with intercept_dns=WorkloadsAndNode it would be looked up here: write its"
        " address"
        for server in named
    ]


def _with_search_domains(settings: Settings) -> Settings:
    """The same with the domains of resolv.conf beside the default."""
    domains = dict.fromkeys((*settings.search_domains, *system_search_domains(RESOLV_CONF)))
    return settings.filled(search_domains=tuple(domains))


def system_search_domains(path: Path) -> tuple[str, ...]:
    """The search list of a resolv.conf, what is no domain left out; of several the last counts (resolv.conf(5))."""
    listed: list[str] = []
    for words in _lines_in_words(path):
        if words[:1] in (["search"], ["domain"]):
            listed = words[1:]
    found = []
    for domain in listed:
        try:
            found.append(read_domain(domain))
        except ValueError:
            continue
    return tuple(dict.fromkeys(found))


def system_resolvers(path: Path) -> tuple[str, ...]:
    """The name servers of a resolv.conf, those with a zone left out; nothing where it cannot be read."""
    found = []
    for server in (words[1] for words in _lines_in_words(path) if len(words) > 1 and words[0] == "nameserver"):
        try:
            found.append(str(SocketAddress(read_address(server), DNS_PORT)))
        except ValueError:
            continue
    return tuple(dict.fromkeys(found))


def _lines_in_words(path: Path) -> list[list[str]]:
    """None where the file cannot be read."""
    try:
        return [line.split() for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
    except OSError:
        return []
