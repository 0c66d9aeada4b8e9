"""The lab itself: builds what ``topology`` describes out of namespaces, and takes it down again.

The caller is in namespaces of its own already (``isolate``). Everything that runs here dies with the caller.
"""

import contextlib
import ctypes
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Self

import dnslib

from tests.support.lab import topology
from tests.support.lab.isolate import CLONE_NEWNET
from tests.support.lab.nameserver import NameServer
from tests.support.lab.process import Remote, run
from tests.support.lab.topology import HostInterface, Record, Workload

GATEWAY = "169.254.1.1"
GATEWAY6 = "fe80::1"

NODE_SYSCTLS = """
echo 1 > /proc/sys/net/ipv4/ip_forward
echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
"""
PLAIN_SYSCTLS = """
for each in all default; do
    echo 0 > /proc/sys/net/ipv4/conf/$each/rp_filter
    echo 0 > /proc/sys/net/ipv6/conf/$each/accept_dad
done
echo 0 > /proc/sys/net/ipv4/icmp_ratelimit
echo 1 > /proc/sys/net/ipv4/ip_nonlocal_bind
echo 1 > /proc/sys/net/ipv6/ip_nonlocal_bind
"""


class Lab:
    """A context manager. ``log`` is where the lab's programs complain."""

    def __init__(
        self,
        workloads: Sequence[Workload],
        records: Sequence[Record],
        lies: Sequence[Record] = (),
        hosts: Sequence[HostInterface] = (),
        tcp_ports: Sequence[int] = topology.TCP_PORTS,
    ) -> None:
        """``tcp_ports``: where the internet's agent serves."""
        self.workloads = {workload.name: workload for workload in workloads}
        self.hosts = {host.name: host for host in hosts}
        self._tcp_ports = tuple(tcp_ports)
        self.directory = Path(tempfile.mkdtemp(prefix="lab-", dir="/run"))
        self.log = self.directory / "lab.log"
        self._open_log = self.log.open("ab")
        self.agents: dict[str, Remote] = {}
        self.trusted = NameServer(
            topology.TRUSTED, topology.TRUSTED_ADDRESSES, records, self.directory / topology.TRUSTED
        )
        self.rogue = NameServer(topology.ROGUE, topology.ROGUE_ADDRESSES, lies, self.directory / topology.ROGUE)

    def __enter__(self) -> Self:
        try:
            self._build()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every program, remove every namespace and file."""
        for agent in self.agents.values():
            agent.close()
        self.agents.clear()
        self.trusted.stop()
        self.rogue.stop()
        for namespace in self._namespaces():
            subprocess.run(["ip", "netns", "delete", namespace], check=False, capture_output=True)
        self._open_log.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    # What happens in it

    def agent(self, name: str) -> Remote:
        """Of a workload, or of ``node``, ``internet``, ``dns``, ``rogue``."""
        return self.agents[name]

    @contextlib.contextmanager
    def in_node(self) -> Iterator[None]:
        """Sockets that this thread makes meanwhile are the node's."""
        with Path("/proc/thread-self/ns/net").open() as own, Path(f"/run/netns/{topology.NODE}").open() as node:
            _enter(node.fileno())
            try:
                yield
            finally:
                _enter(own.fileno())

    def lookup(
        self,
        workload: str,
        name: str,
        kind: str = "A",
        server: str = topology.LISTEN_ADDRESSES[0],
        transport: str = "udp",
        wait: float = 3.0,
    ) -> dnslib.DNSRecord | None:
        """Ask a server directly, from a workload, as one that understands EDNS; ``None`` when no answer came."""
        question = dnslib.DNSRecord.question(name, kind)
        question.add_ar(dnslib.EDNS0(udp_len=1232))
        query = bytes(question.pack()).hex()
        answer = self.agent(workload).call("exchange", server=server, message=query, transport=transport, wait=wait)
        return dnslib.DNSRecord.parse(bytes.fromhex(answer["reply"])) if answer["reply"] else None

    # How it is built

    def _namespaces(self) -> list[str]:
        return [topology.NODE, topology.INTERNET, topology.TRUSTED, topology.ROGUE, *self.workloads]

    def _build(self) -> None:
        _ip("\n".join(f"netns add {name}" for name in self._namespaces()))
        for name in self._namespaces():
            run(name, PLAIN_SYSCTLS + (NODE_SYSCTLS if name in (topology.NODE, topology.INTERNET) else ""))
            _ip("link set lo up", name)
        self._build_internet()
        for server in (self.trusted, self.rogue):
            self._attach(server.namespace, server.addresses)
        self._attach(topology.NODE, topology.NODE_ADDRESSES, topology.UPLINK)
        _ip("\n".join(f"address add {address} dev lo" for address in topology.LISTEN_ADDRESSES), topology.NODE)
        for workload in self.workloads.values():
            self._build_workload(workload)
        # Routes to workloads first; only then does a source address choose its own way out.
        _ip("rule add preference 100 table main suppress_prefixlength 0", topology.NODE)
        for number, host in enumerate(self.hosts.values()):
            self._build_host(host, number)
        self._start()

    def _build_internet(self) -> None:
        lines = ["link add br0 type bridge", "link set br0 up"]
        lines += [f"address add {address}/{_length(address)} dev br0 nodad" for address in topology.INTERNET_GATEWAYS]
        # "AnyIP": the kernel takes every address of these networks for its own.
        lines += [f"route add local {network} dev lo table main" for network in topology.INTERNET_NETWORKS]
        lines += [
            f"route add {network} via {gateway}"
            for network, gateway in zip(topology.POD_NETWORKS, topology.NODE_ADDRESSES, strict=True)
        ]
        _ip("\n".join(lines), topology.INTERNET)

    def _attach(self, namespace: str, addresses: Sequence[str], interface: str = "eth0") -> None:
        """A port of the bridge, and a default route through the internet."""
        _ip(
            f"link add to-{namespace} type veth peer name {interface} netns {namespace}\n"
            f"link set to-{namespace} master br0 up",
            topology.INTERNET,
        )
        lines = [f"address add {address}/{_length(address)} dev {interface} nodad" for address in addresses]
        lines += [f"link set {interface} up"]
        lines += [f"route add default via {gateway}" for gateway in topology.INTERNET_GATEWAYS]
        _ip("\n".join(lines), namespace)

    def _build_workload(self, workload: Workload) -> None:
        """A routed veth as Calico makes it: the gateway is the same link-local address for everyone."""
        near = [
            f"link add {workload.interface} type veth peer name eth0 netns {workload.name}",
            f"address add {GATEWAY}/32 dev {workload.interface} scope link",
            f"address add {GATEWAY6}/64 dev {workload.interface} nodad",
            f"link set {workload.interface} up",
        ]
        far = ["link set eth0 up"]
        for address in workload.addresses:
            version = ip_address(address).version
            source = topology.NODE_ADDRESSES[0 if version == 4 else 1]
            near.append(f"route add {address} dev {workload.interface} src {source}")
            far.append(f"address add {address} dev eth0" + (" nodad" if version == 6 else ""))
        far += [
            f"route add {GATEWAY} dev eth0 scope link",
            f"route add default via {GATEWAY} dev eth0",
            f"route add default via {GATEWAY6} dev eth0",
        ]
        _ip("\n".join(near), topology.NODE)
        _ip("\n".join(far), workload.name)

    def _build_host(self, host: HostInterface, number: int) -> None:
        """A link of its own to the internet; what comes from its address leaves through it."""
        there, table = f"172.31.{number}.1", 100 + number
        _ip(f"link add {host.interface} type veth peer name {host.name} netns {topology.INTERNET}", topology.NODE)
        _ip(
            f"address add {host.address} dev {host.interface}\n"
            f"link set {host.interface} up\n"
            f"route add {there} dev {host.interface} src {host.address}\n"
            f"route add default via {there} dev {host.interface} table {table}\n"
            f"rule add preference 200 from {host.address} table {table}",
            topology.NODE,
        )
        _ip(
            f"address add {there} dev {host.name}\nlink set {host.name} up\nroute add {host.address} dev {host.name}",
            topology.INTERNET,
        )

    def _start(self) -> None:
        for server in (self.trusted, self.rogue):
            server.start(self._open_log)
        for name in self._namespaces():
            self.agents[name] = Remote(name, self._etc(name), self._open_log)
        internet = self.agent(topology.INTERNET)
        listening = [internet.submit("listen", transport="tcp", port=port) for port in self._tcp_ports]
        listening += [internet.submit("listen", transport="udp", port=port) for port in topology.UDP_PORTS]
        for future in listening:
            future.result(30)
        for server in (self.trusted, self.rogue):
            server.await_ready(self.agent(server.namespace))

    def _etc(self, name: str) -> Path:
        """The files that decide how programs in a namespace resolve names."""
        directory = self.directory / "etc" / name
        directory.mkdir(parents=True)
        server = topology.TRUSTED_ADDRESSES[0] if name in (topology.NODE, topology.INTERNET) else None
        address = server or topology.LISTEN_ADDRESSES[0]
        (directory / "resolv.conf").write_text(f"nameserver {address}\noptions timeout:2 attempts:2\n")
        (directory / "nsswitch.conf").write_text("hosts: files dns\n")
        (directory / "hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
        return directory


def _ip(script: str, namespace: str | None = None) -> None:
    """Run lines of ``ip``. Raises RuntimeError with the line that failed."""
    where = ["-n", namespace] if namespace else []
    done = subprocess.run(["ip", *where, "-batch", "-"], input=script, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"ip {' '.join(where)}: {done.stderr.strip()}\n{script}")


def _length(address: str) -> int:
    return 24 if ip_address(address).version == 4 else 64


def _enter(handle: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(handle, CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
