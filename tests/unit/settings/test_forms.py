"""How single settings are written."""

from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from dnsguard.calc.evaluator.failsafe import FailsafePort
from dnsguard.calc.evaluator.packet import TCP, UDP
from dnsguard.settings.forms import (
    comma_separated,
    labels_listed,
    read_address,
    read_canary_nets,
    read_certificates,
    read_fail_open,
    read_failsafe_port,
    read_interface_prefix,
    read_log_group,
    read_net,
    read_node_label,
    read_node_name,
    read_pair_name,
    read_path,
    read_seconds,
    read_self_test_interval,
    read_socket_address,
    read_table,
    read_upstream,
)

GOOD: list[tuple[Callable[[Any], Any], Any, str]] = [
    # reader, what is written, what is read
    (read_socket_address, "192.0.2.1:5353", "192.0.2.1:5353"),
    (read_socket_address, "192.0.2.1", "192.0.2.1:53"),
    (read_socket_address, "2001:db8::1", "[2001:db8::1]:53"),
    (read_socket_address, "[2001:DB8::1]:5353", "[2001:db8::1]:5353"),
    (read_socket_address, "[::]", "[::]:53"),
    (read_upstream, " 192.0.2.53 ", "192.0.2.53:53"),
    (read_upstream, "dns.example.org", "dns.example.org:53"),
    (read_log_group, "7", "7"),
    (read_node_label, "zone=a", "('zone', 'a')"),
    (read_node_label, " kubernetes.io/os= ".strip(), "('kubernetes.io/os', '')"),
    (read_node_label, ("zone", "a"), "('zone', 'a')"),
    (read_net, "192.0.2.1/24", "192.0.2.0/24"),
    (read_pair_name, "fourteen-chars", "fourteen-chars"),
    (read_canary_nets, "192.0.2.1/30", "(IPv4Network('192.0.2.0/30'),)"),
    (read_canary_nets, ["100::/126", "10.0.0.0/8"], "(IPv6Network('100::/126'), IPv4Network('10.0.0.0/8'))"),
    (read_address, "::1", "::1"),
    (read_seconds, "250ms", "0.25"),
    (read_seconds, "1.5 m", "90.0"),
    (read_seconds, 10, "10.0"),
    (read_seconds, "2d", "172800.0"),
    (read_fail_open, "Off", "0.0"),
    (read_fail_open, 0, "0.0"),
    (read_fail_open, "30s", "30.0"),
    (read_fail_open, "24h", "86400.0"),
    (read_self_test_interval, "100ms", "0.1"),
    (read_self_test_interval, "1h", "3600.0"),
    (read_interface_prefix, "cali", "cali"),
    (read_node_name, "node-1.example.org", "node-1.example.org"),
    (read_table, "dnsguard", "dnsguard"),
    (read_path, "/a/b", "/a/b"),
]

BAD: list[tuple[Callable[[Any], Any], Any]] = [
    *((read_pair_name, text) for text in ("", "fifteen-letters", "a b", "a/b")),
    *((read_canary_nets, text) for text in ("none", "x", "192.0.2.0/31", "100::/127", 7)),
    *((read_canary_nets, text) for text in ("192.0.2.0/24,10.0.0.0/8", "127.0.0.0/8", "fe80::/64", "224.0.0.0/4")),
    *(
        (read_socket_address, text)
        for text in ("", "x", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536", "[::1", "[::1]5")
    ),
    *((read_upstream, text) for text in ("", "k8s-service:kube-dns")),
    *((read_net, text) for text in ("", "x", "192.0.2.0/33")),
    *((read_log_group, text) for text in ("", "0", "65536", "100", 100, "x")),
    *((read_seconds, text) for text in ("", "x", "-1", "1 w", True, None, "1e3")),
    *((read_fail_open, text) for text in ("", "On", "29s", "25h", True, None)),
    *((read_self_test_interval, text) for text in ("", "0", "99ms", "61m", "Off", True)),
    *((read_interface_prefix, text) for text in ("", "a b", "x" * 16)),
    *((read_node_name, text) for text in ("", "Node", "-a", "a" * 254)),
    *((read_table, text) for text in ("", "a b", "1a")),
    *((read_failsafe_port, text) for text in ("", "tcp:", "tcp:x", "sctp:1", "tcp:192.0.2.0/33:1")),
    (read_failsafe_port, {"port": 1, "colour": "red"}),
    *((read_node_label, text) for text in ("zone", "projectcalico.org/created-by=me", ("zone", 1))),
    (read_address, "x"),
    (read_address, "fe80::1%eth0"),
    (read_path, " "),
]


def test_certificates(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    assert read_certificates("none") is None
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        read_certificates(str(file))
    file.write_text("no certificate")
    with pytest.raises(ValueError, match="holds no certificates in PEM"):
        read_certificates(str(file))
    file.write_text("-----BEGIN CERTIFICATE-----\n")
    assert read_certificates(str(file)) == file


@pytest.mark.parametrize(("reader", "written", "value"), GOOD)
def test_good_forms(reader: Callable[[Any], Any], written: Any, value: str) -> None:
    assert str(reader(written)) == value


@pytest.mark.parametrize(("reader", "written"), BAD)
def test_bad_forms_say_what_to_write(reader: Callable[[Any], Any], written: Any) -> None:
    with pytest.raises(
        ValueError,
        match=r"write|/30 or|whose packets|14 letters|is empty|unknown field|1 to 15|is no IPv4|leave (?:it )?out",
    ):
        reader(written)


@pytest.mark.parametrize(
    ("written", "port"),
    [
        ("22", FailsafePort(TCP, 22)),
        (22, FailsafePort(TCP, 22)),
        ("udp:68", FailsafePort(UDP, 68)),
        ("tcp:192.0.2.0/24:22", FailsafePort(TCP, 22, ip_network("192.0.2.0/24"))),
        ("tcp:[2001:db8::/32]:22", FailsafePort(TCP, 22, ip_network("2001:db8::/32"))),
        ({"protocol": "UDP", "port": 68}, FailsafePort(UDP, 68)),
        ({"port": 22, "net": "192.0.2.1"}, FailsafePort(TCP, 22, ip_network("192.0.2.1/32"))),
    ],
)
def test_failsafe_ports(written: Any, port: FailsafePort) -> None:
    assert read_failsafe_port(written) == port


@pytest.mark.parametrize(
    ("key", "fault"), [("-", "is no label key"), ("", "is no label key"), ("a=-b", "is no label value")]
)
def test_labels_are_those_that_objects_may_have(key: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        read_node_label(key if "=" in key else f"{key}=b")


def test_labels_as_text_list_or_mapping() -> None:
    assert labels_listed({"a": "b", "c": "d"}) == [("a", "b"), ("c", "d")]
    assert labels_listed("a=b, c=d") == ["a=b", "c=d"]
    assert labels_listed(["a=b"]) == ["a=b"]


def test_lists_as_text() -> None:
    assert comma_separated("a, b,c") == ["a", "b", "c"]
    assert comma_separated("none") == []
    assert comma_separated("") == []
    assert comma_separated(["a,b"]) == ["a,b"]
