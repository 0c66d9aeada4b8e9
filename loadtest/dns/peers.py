"""Other forwarders, from Debian: each set up to do what is asked as cheaply as it can."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial

from dnsguard.netlink.socket import NetfilterSocket
from loadtest.dns import names
from loadtest.dns.contender import MANY, Contender, Running, count_elements, serving
from loadtest.dns.site import CLIENTS, LISTEN, UPSTREAM, Site
from loadtest.dns.task import Task

_TABLE = "peers"
_KEPT = 10_000
"""Answers that dnsmasq keeps, where it keeps any: the most that its manual thinks sensible."""

_KEPT_BY_OTHERS = 200_000

Configure = Callable[[Task], list[str]]
"""Writes what the program reads, and returns its command line."""


def contender(name: str, package: str, configure: Configure, most_workers: int = 1) -> Contender:
    """A peer that keeps nothing in the kernel."""
    return Contender(name, _PROGRAMS[package], package, _plain(configure), most_workers=most_workers)


def _plain(configure: Configure) -> Callable[[Site, Task], AbstractContextManager[Running]]:
    def start(place: Site, task: Task) -> AbstractContextManager[Running]:
        return serving(place, task.directory / "log", [configure(task)])

    return start


@contextmanager
def _dnsmasq_with_sets(place: Site, task: Task, *, kept: int) -> Iterator[Running]:
    """Every address of an answer goes to a set of its pattern's; it knows of no clients."""
    sets = [f"s{number}" for number in range(task.sets)]
    with place.node.entered():
        kernel = NetfilterSocket()
    with closing(kernel):
        members = "\n".join(f"set {each} {{ type ipv4_addr; flags timeout; timeout 5m; }}" for each in sets)
        place.node.run(
            "nft -f -", f"add table inet {_TABLE}\ndelete table inet {_TABLE}\ntable inet {_TABLE} {{\n{members}\n}}"
        )
        lines = [
            f"nftset=/{pattern.removeprefix('*.')}/4#inet#{_TABLE}#{name}"
            for number, name in enumerate(sets)
            for pattern in task.patterns_of(number)
        ]
        configuration = task.directory / "sets.conf"
        configuration.write_text("\n".join(lines) + "\n")
        command = [*_dnsmasq(task, kept=kept), f"--conf-file={configuration}"]
        with serving(
            place, task.directory / "log", [command], lambda: count_elements(kernel, _TABLE, sets[-1])
        ) as running:
            yield running


def _dnsmasq(task: Task, *, kept: int) -> list[str]:
    return [
        *("dnsmasq", "--keep-in-foreground", "--user=root", "--pid-file", "--log-facility=-"),
        *("--no-resolv", "--no-hosts", "--bind-interfaces", f"--listen-address={LISTEN}", f"--server={UPSTREAM}"),
        *(f"--cache-size={kept if task.cached else 0}", "--dns-forward-max=10000"),
    ]


def _unbound(task: Task) -> list[str]:
    file = task.directory / "unbound.conf"
    size = "64m" if task.cached else "0"
    file.write_text(f"""
server:
  interface: {LISTEN}
  access-control: {CLIENTS} allow
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "{task.directory}"
  pidfile: ""
  use-syslog: no
  verbosity: 0
  num-threads: {task.workers}
  so-reuseport: yes
  module-config: "iterator"
  outgoing-range: 4096
  num-queries-per-thread: 2048
  msg-cache-size: {size}
  rrset-cache-size: {size}
  qname-minimisation: no
  minimal-responses: yes
  root-hints: ""
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: {UPSTREAM}
""")
    return ["unbound", "-d", "-c", str(file)]


def _dnsdist(task: Task) -> list[str]:
    file = task.directory / "dnsdist.conf"
    cache = f"getPool(''):setCache(newPacketCache({_KEPT_BY_OTHERS}))" if task.cached else ""
    local = "\n".join(f"addLocal('{LISTEN}:53', {{reusePort=true}})" for _ in range(task.workers))
    file.write_text(f"""
{local}
setACL('{CLIENTS}')
setSecurityPollSuffix('')
newServer({{address='{UPSTREAM}', checkName='{names.READY}.', sockets={task.workers}}})
{cache}
""")
    return ["dnsdist", "--supervised", "--disable-syslog", "-C", str(file)]


def _knot_resolver(task: Task) -> list[str]:
    file = task.directory / "kresd.conf"
    file.write_text(f"""
net.ipv6 = false
net.listen('{LISTEN}', 53, {{ kind = 'dns' }})
trust_anchors.remove('.')
modules.unload('ta_update')
modules.unload('priming')
modules.unload('detect_time_skew')
cache.size = {100 if task.cached else 10} * MB
policy.add(policy.all(policy.{"FORWARD" if task.cached else "STUB"}('{UPSTREAM}')))
""")
    return ["kresd", "--noninteractive", "-c", str(file), str(task.directory)]


def _pdns_recursor(task: Task) -> list[str]:
    (task.directory / "recursor.conf").write_text(f"""
local-address={LISTEN}
allow-from={CLIENTS}
forward-zones-recurse=.={UPSTREAM}
dnssec=off
threads={task.workers}
pdns-distributes-queries=no
reuseport=yes
daemon=no
disable-syslog=yes
loglevel=3
quiet=yes
security-poll-suffix=
socket-dir={task.directory}
disable-packetcache={"no" if task.cached else "yes"}
write-pid=no
""")
    return ["pdns_recursor", f"--config-dir={task.directory}"]


def _bind(task: Task) -> list[str]:
    file = task.directory / "named.conf"
    file.write_text(f"""
options {{
  directory "{task.directory}";
  listen-on {{ {LISTEN}; }};
  listen-on-v6 {{ none; }};
  pid-file none;
  session-keyfile none;
  allow-query {{ {CLIENTS}; }};
  recursion yes;
  forward only;
  forwarders {{ {UPSTREAM}; }};
  dnssec-validation no;
  recursive-clients 10000;
  querylog no;
}};
controls {{ }};
""")
    return ["named", "-g", "-n", str(task.workers), "-c", str(file)]


_PROGRAMS = {
    "dnsmasq-base": "dnsmasq",
    "unbound": "unbound",
    "dnsdist": "dnsdist",
    "knot-resolver": "kresd",
    "pdns-recursor": "pdns_recursor",
    "bind9": "named",
}
"""Package → what it brings."""

DNSMASQ_WITH_SETS = "dnsmasq --nftset"
DNSMASQ_WITH_SETS_CACHED = "dnsmasq --nftset, cache"
DNSMASQ = "dnsmasq"
DNSMASQ_CACHED = "dnsmasq, cache"

PEERS = (
    Contender(DNSMASQ_WITH_SETS, "dnsmasq", "dnsmasq-base", partial(_dnsmasq_with_sets, kept=0), leases=True),
    Contender(
        DNSMASQ_WITH_SETS_CACHED, "dnsmasq", "dnsmasq-base", partial(_dnsmasq_with_sets, kept=_KEPT), leases=True
    ),
    contender(DNSMASQ, "dnsmasq-base", partial(_dnsmasq, kept=0)),
    contender(DNSMASQ_CACHED, "dnsmasq-base", partial(_dnsmasq, kept=_KEPT)),
    contender("unbound", "unbound", _unbound, MANY),
    contender("dnsdist", "dnsdist", _dnsdist, MANY),
    contender("knot-resolver", "knot-resolver", _knot_resolver),
    contender("pdns-recursor", "pdns-recursor", _pdns_recursor, MANY),
    contender("bind9", "bind9", _bind, MANY),
)
