"""The lab with a dnsguard under which the streams flow, and what else has to be so that no packet is lost otherwise."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.support.lab import topology
from tests.support.lab.guard import Guard
from tests.support.lab.lab import Lab
from tests.support.lab.process import run
from tests.torrent import policy
from tests.torrent.engine import within
from tests.torrent.engines import hardware
from tests.torrent.streams import LOOKED_UP, OUTSIDE, OWN_PORTS, RECORDS, REPLIED, REPLIED_PORT, WORKLOADS, A

_ASSURED_AFTER = 2.3
"""Seconds of talk after which the kernel keeps an answered flow for long."""

_BYSTANDER = """
table inet bystander {
    counter seen { }
    set known {
        type ipv4_addr
        elements = { 192.0.2.1, 192.0.2.2 }
    }
    chain watches {
        type filter hook postrouting priority 300
        ct state new counter name seen
    }
}
"""
"""A table of somebody else's. It also has the kernel follow connections when ours is gone."""


@contextlib.contextmanager
def scene() -> Iterator[Lab]:
    """The lab, made ready; dnsguard does not run in it yet."""
    with Lab(WORKLOADS, RECORDS) as lab:
        _know_neighbours(lab)
        run(
            topology.NODE,
            """
            for each in all default eth0; do echo 0 > /proc/sys/net/ipv4/conf/$each/send_redirects; done
            nft add table inet tracking  # has the kernel show its settings for connections
            echo 1 > /proc/sys/net/netfilter/nf_conntrack_udp_timeout
            echo 3600 > /proc/sys/net/netfilter/nf_conntrack_udp_timeout_stream
            nft delete table inet tracking
            """,
        )
        yield lab


def _know_neighbours(lab: Lab) -> None:
    """For good: packets do not wait until somebody has said where they go."""
    bridge = hardware(OUTSIDE, "br0")
    lines = [f"neigh replace {gateway} lladdr {_colons(bridge)} dev {topology.UPLINK} nud permanent"
             for gateway in topology.INTERNET_GATEWAYS]  # fmt: skip
    for workload in lab.workloads.values():
        own = _colons(hardware(workload.name, "eth0"))
        lines += [
            f"neigh replace {address} lladdr {own} dev {workload.interface} nud permanent"
            for address in workload.addresses
        ]
    run(topology.NODE, "\n".join(f"ip {line}" for line in lines))


def _colons(hexadecimal: str) -> str:
    return ":".join(hexadecimal[at : at + 2] for at in range(0, 12, 2))


def prepare(lab: Lab, guard: Guard) -> None:
    """Policy in force, names looked up, flows that are to be established begun."""
    known = [workload for workload in lab.workloads.values() if workload.known]
    endpoints = [topology.workload_endpoint(workload) for workload in known]
    guard.apply([*topology.namespaces(known), *policy.everything(), *endpoints])
    look_up(lab)
    _begin_flows()


def look_up(lab: Lab) -> int:
    """Each name by whoever asks for it, IPv4 and IPv6; how many were not answered."""
    asked = [
        lab.agent(workload).submit("resolve", name=name, family=family)
        for workload, name in LOOKED_UP
        for family in (4, 6)
    ]
    return sum(not future.result(30)["addresses"] for future in asked)


def _begin_flows() -> None:
    """Datagrams both ways until the kernel takes the flows for streams."""
    pairs: list[tuple[socket.socket, socket.socket]] = []
    for family, own, other in zip((socket.AF_INET, socket.AF_INET6), _addresses(A), REPLIED, strict=True):
        with within(OUTSIDE):
            far = socket.socket(family, socket.SOCK_DGRAM)
            far.bind((other, REPLIED_PORT))
        for port in OWN_PORTS:
            with within(A):
                near = socket.socket(family, socket.SOCK_DGRAM)
                near.bind((own, port))
                near.connect((other, REPLIED_PORT))
            pairs.append((near, far))
    until = time.monotonic() + _ASSURED_AFTER
    while time.monotonic() < until:
        for near, far in pairs:
            far.settimeout(10)
            near.settimeout(10)
            near.send(b"?")
            _, peer = far.recvfrom(16)
            far.sendto(b"!", peer)
            near.recv(16)
        time.sleep(0.05)
    for near, far in pairs:
        near.close()
        far.close()


def _addresses(name: str) -> Sequence[str]:
    return next(workload.addresses for workload in WORKLOADS if workload.name == name)


def put_bystander() -> str:
    """A table of somebody else's in the node; how ``nft`` lists it, counts left out."""
    run(topology.NODE, f"nft -f - <<'END'\n{_BYSTANDER}\nEND")
    return bystander()


def bystander() -> str:
    """How ``nft`` lists it now, counts left out; with handles: what was made anew has others."""
    return run(topology.NODE, "nft -a -s list table inet bystander")


def drops() -> dict[str, int]:
    """Packets that were dropped on the way by anything but rules, since the machine or the lab began."""
    backlog = [int(line.split()[1], 16) for line in Path("/proc/net/softnet_stat").read_text().splitlines()]
    told = {"backlogs of the processors": sum(backlog)}
    devices = 0
    for place in (topology.NODE, OUTSIDE, *(workload.name for workload in WORKLOADS)):
        for device in json.loads(run(place, "ip -json -stats link")):
            stats = device["stats64"]
            devices += int(stats["rx"]["dropped"]) + int(stats["tx"]["dropped"])
    told["devices"] = devices
    columns, *rows = run(topology.NODE, "cat /proc/net/stat/nf_conntrack").splitlines()
    for name in "drop", "early_drop", "insert_failed":
        column = columns.split().index(name)
        told[f"connections: {name}"] = sum(int(row.split()[column], 16) for row in rows)
    return told
