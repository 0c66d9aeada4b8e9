"""FelixConfiguration: spelling, values, and what is said of fields that do nothing here."""

from typing import Any

import pytest

from dnsguard.resources import FelixConfiguration, InvalidResource, parse_object, to_dict, warnings
from dnsguard.resources.felix import FailsafeProtocol, FelixConfigurationSpec
from dnsguard.resources.felixchoices import DnsPolicyMode, EndpointToHostAction
from dnsguard.resources.felixfields import IDLE, INSTEAD, KEPT, OTHERS
from dnsguard.resources.manifest import ManifestError, load
from tests.unit.resources.objects import codes, faults, obj, read


def felix(**spec: Any) -> dict[str, Any]:
    """The configuration of every node."""
    return obj("FelixConfiguration", spec, "default")


def spec_of(**spec: Any) -> FelixConfigurationSpec:
    """What is read of it."""
    made = read(felix(**spec))
    assert isinstance(made, FelixConfiguration)
    return made.spec


FULL: dict[str, Any] = {
    "dnsTrustedServers": ["192.0.2.53", "[2001:db8::53]:5353", "k8s-service:kube-dns"],
    "dnsPolicyMode": "Inline",
    "nftablesDNSPolicyMode": "NoDelay",
    "bpfDNSPolicyMode": "NoDelay",
    "dnsExtraTTL": "1m30s",
    "dnsCacheFile": "/var/run/cache",
    "dnsCacheSaveInterval": "60s",
    "dnsCacheEpoch": 7,
    "dnsPolicyNfqueueID": 0,
    "dnsPolicyNfqueueSize": 65535,
    "dnsPacketsNfqueueID": 101,
    "dnsPacketsNfqueueSize": 100,
    "dnsPacketsNfqueueMaxHoldDuration": "3s",
    "dnsLogsFileEnabled": True,
    "dnsLogsFileDirectory": "/var/log/calico/dnslogs",
    "dnsLogsFileMaxFiles": 5,
    "dnsLogsFileMaxFileSizeMB": 100,
    "dnsLogsFlushInterval": "5m",
    "dnsLogsFileAggregationKind": 1,
    "dnsLogsFileIncludeLabels": False,
    "dnsLogsFilePerNodeLimit": 0,
    "dnsLogsLatency": True,
    "windowsDnsCacheFile": "c:\\dns-cache.txt",
    "windowsDnsExtraTTL": "120s",
    "failsafeInboundHostPorts": [{"protocol": "TCP", "port": 22}, {"protocol": "UDP", "port": 68, "net": "10.0.0.0/8"}],
    "failsafeOutboundHostPorts": [],
    "defaultEndpointToHostAction": "Accept",
    "allowVXLANPacketsFromWorkloads": True,
    "allowIPIPPacketsFromWorkloads": False,
    "dropActionOverride": "LogAndDrop",
    "nftablesFilterDenyAction": "Reject",
    "nftablesFilterAllowAction": "Return",
    "nftablesMangleAllowAction": "Accept",
}


def test_every_field_is_read_and_written() -> None:
    assert set(FULL) == set(FelixConfigurationSpec.field_names())
    assert to_dict(read(felix(**FULL)))["spec"] == FULL


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"dnsPolicyMode": "delaydnsresponse"}, "spec.dnsPolicyMode", "type"),
    ({"dnsPolicyMode": "Sometimes"}, "spec.dnsPolicyMode", "type"),
    ({"nftablesDNSPolicyMode": "Inline"}, "spec.nftablesDNSPolicyMode", "type"),
    ({"bpfDNSPolicyMode": "DelayDNSResponse"}, "spec.bpfDNSPolicyMode", "type"),
    ({"dnsExtraTTL": 10}, "spec.dnsExtraTTL", "type"),
    ({"dnsExtraTTL": "-1s"}, "spec.dnsExtraTTL", "type"),
    ({"dnsCacheEpoch": "1"}, "spec.dnsCacheEpoch", "type"),
    ({"dnsCacheEpoch": 2**63}, "spec.dnsCacheEpoch", "limit"),
    ({"dnsPolicyNfqueueID": 65536}, "spec.dnsPolicyNfqueueID", "limit"),
    ({"dnsPacketsNfqueueSize": -1}, "spec.dnsPacketsNfqueueSize", "limit"),
    ({"dnsLogsFileAggregationKind": 2}, "spec.dnsLogsFileAggregationKind", "limit"),
    ({"dnsLogsFileMaxFiles": True}, "spec.dnsLogsFileMaxFiles", "type"),
    ({"dnsLogsFileEnabled": "true"}, "spec.dnsLogsFileEnabled", "type"),
    ({"dnsTrustedServers": "192.0.2.53"}, "spec.dnsTrustedServers", "type"),
    ({"dnsTrustedServers": ["192.0.2.53", "192.0.2.300"]}, "spec.dnsTrustedServers[1]", "server"),
    ({"failsafeInboundHostPorts": None}, "spec.failsafeInboundHostPorts", "null"),
    ({"failsafeOutboundHostPorts": [{"protocol": "sctp", "port": 1}]},
     "spec.failsafeOutboundHostPorts[0].protocol", "V-31"),
    ({"failsafeInboundHostPorts": [{"port": 0}]}, "spec.failsafeInboundHostPorts[0].port", "V-48"),
    ({"failsafeInboundHostPorts": [{"protocol": "TCP"}]}, "spec.failsafeInboundHostPorts[0].port", "required"),
    ({"failsafeInboundHostPorts": [{"port": 1, "net": "10.0.0.1"}]}, "spec.failsafeInboundHostPorts[0].net", "V-40"),
    ({"failsafeInboundHostPorts": ["tcp:22"]}, "spec.failsafeInboundHostPorts[0]", "type"),
    ({"failsafeOutboundHostPorts": [{"port": 22}] * 1025}, "spec.failsafeOutboundHostPorts", "limit"),
    ({"allowVXLANPacketsFromWorkloads": "yes"}, "spec.allowVXLANPacketsFromWorkloads", "type"),
    ({"defaultEndpointToHostAction": "DROP"}, "spec.defaultEndpointToHostAction", "type"),
    ({"dropActionOverride": "Reject"}, "spec.dropActionOverride", "type"),
    ({"nftablesFilterDenyAction": "Accept"}, "spec.nftablesFilterDenyAction", "type"),
    ({"nftablesMangleAllowAction": "Drop"}, "spec.nftablesMangleAllowAction", "type"),
    ({"wireguardEnabled": True}, "spec.wireguardEnabled", "D-01"),
    ({"bpfNewlyInvented": True}, "spec.bpfNewlyInvented", "D-01"),
    ({"logSeverityScreen": "Info", "LogSeverityScreen": "Info"}, "spec.logSeverityScreen", "D-29"),
    ({"dnsPolicyMod": "NoDelay"}, "spec.dnsPolicyMod", "D-01"),
    ({"dnsPolicyMode": "NoDelay", "DNSPolicyMode": "NoDelay"}, "spec.dnsPolicyMode", "D-29"),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "field", "code"), BAD)
def test_bad_values(spec: dict[str, Any], field: str, code: str) -> None:
    assert faults(felix(**spec)) == {(field, code)}


def test_a_thousand_failsafe_ports_are_as_many_as_rules_of_a_policy() -> None:
    assert len(spec_of(failsafeInboundHostPorts=[{"port": 22}] * 1024).failsafe_inbound_host_ports or ()) == 1024


def test_a_key_may_be_spelt_in_any_case_and_is_written_in_one() -> None:
    made = read(felix(DNSPolicyMode="DelayDNSResponse", DNSEXTRATTL="5s"))
    assert isinstance(made, FelixConfiguration)
    assert made.spec.dns_policy_mode is DnsPolicyMode.DELAY_DNS_RESPONSE
    assert to_dict(made)["spec"] == {"dnsPolicyMode": "DelayDNSResponse", "dnsExtraTTL": "5s"}
    assert warnings(made) == (
        "spec.DNSPolicyMode: is written dnsPolicyMode (D-29)",
        "spec.DNSEXTRATTL: is written dnsExtraTTL (D-29)",
    )
    assert warnings(parse_object(to_dict(made))) == ()


def test_an_error_is_found_at_the_line_of_the_key_however_it_is_spelt() -> None:
    text = """\
apiVersion: projectcalico.org/v3
kind: FelixConfiguration
metadata: {name: default}
spec:
  dnsExtraTTL: 5s
  DNSPolicyMode: Sometimes
"""
    with pytest.raises(
        ManifestError, match=r"line 6: .*dnsPolicyMode: 'Sometimes' is no DNS policy mode: write DelayDeniedPacket"
    ):
        load(text, "felix.yaml")


def message(**spec: Any) -> str:
    """The one error."""
    with pytest.raises(InvalidResource) as caught:
        parse_object(felix(**spec))
    (cause,) = caught.value.causes
    return cause.message


def test_a_field_that_only_calico_has_is_named_as_such() -> None:
    assert message(natOutgoingAddress="192.0.2.1") == (
        "is a field of Calico's FelixConfiguration that dnsguard does not have: leave it out"
    )
    assert message(InterfacePrefix="cali").endswith("set workload_interfaces in dnsguard's own configuration")
    assert message(iptablesFilterDenyAction="Drop").endswith("write nftablesFilterDenyAction")
    assert message(dnsTrustedServer=[]) == "unknown field; did you mean dnsTrustedServers?"


REFUSED = [
    # what passes, or is encrypted, translated or routed, depends on them; or a program waits for what they announce
    "interfacePrefix", "interfaceExclude", "wireguardEnabled", "wireguardHostEncryptionEnabled",
    "externalNodesList", "natOutgoingAddress", "natPortRange", "iptablesNATOutgoingInterfaceFilter", "chainInsertMode",
    "serviceLoopPrevention", "policySyncPathPrefix", "egressIPSupport", "bpfEnforceRPF", "disableConntrackInvalidCheck",
    "ipv6Support", "vxlanEnabled", "workloadSourceSpoofing", "iptablesFilterDenyAction", "nodeSelector",
]  # fmt: skip


@pytest.mark.parametrize("field", REFUSED)
def test_a_field_that_changes_what_passes_is_refused(field: str) -> None:
    assert faults(felix(**{field: "x"})) == {(f"spec.{field}", "D-01")}


def test_no_field_is_in_two_lists() -> None:
    lists = [set(FelixConfigurationSpec.field_names()), set(KEPT), set(OTHERS), set(INSTEAD)]
    assert set(IDLE) <= lists[0]
    assert sum(map(len, lists)) == len(set().union(*lists))


OF_A_CLUSTER: dict[str, Any] = {
    "bpfConnectTimeLoadBalancing": "TCP",
    "bpfEnabled": False,
    "bpfLogLevel": "",
    "floatingIPs": "Disabled",
    "healthPort": 9099,
    "healthTimeoutOverrides": [{"name": "CalculationGraph", "timeout": "90s"}],
    "logSeverityScreen": "Info",
    "prometheusMetricsEnabled": True,
    "reportingInterval": "0s",
}
"""As Calico's own installer writes it."""


def test_what_changes_no_packet_is_kept_with_one_warning() -> None:
    made = read(felix(dnsExtraTTL="5s", **OF_A_CLUSTER))
    assert to_dict(made)["spec"] == {"dnsExtraTTL": "5s", **OF_A_CLUSTER}
    assert warnings(made) == (f"spec: these fields are kept and have no effect here: {', '.join(OF_A_CLUSTER)}",)
    again = parse_object(to_dict(made))
    assert again == made
    assert again != read(felix(dnsExtraTTL="5s", **{**OF_A_CLUSTER, "bpfEnabled": True}))


@pytest.mark.parametrize("value", [None, False, 0, 1.5, "", "x", [], [1, [None]], {}, {"a": {"b": None}}])
def test_any_value_of_a_field_without_effect_is_kept(value: Any) -> None:
    assert to_dict(read(felix(**dict.fromkeys(KEPT, value))))["spec"] == dict.fromkeys(KEPT, value)


def test_a_value_that_json_does_not_have_is_refused() -> None:
    ((field, _),) = faults(felix(goGCThreshold=float("nan")))
    assert field.startswith("spec.goGCThreshold")


def test_a_field_without_effect_is_written_in_its_canonical_spelling() -> None:
    made = read(felix(LogSeverityScreen="Info", BPFENABLED=True))
    assert to_dict(made)["spec"] == {"logSeverityScreen": "Info", "bpfEnabled": True}
    assert warnings(made) == (
        "spec.LogSeverityScreen: is written logSeverityScreen (D-29)",
        "spec.BPFENABLED: is written bpfEnabled (D-29)",
        "spec: these fields are kept and have no effect here: bpfEnabled, logSeverityScreen",
    )


def test_every_idle_field_is_warned_about() -> None:
    for field in FULL:
        said = [warning for warning in warnings(read(felix(**{field: FULL[field]}))) if "has no effect: " in warning]
        assert len(said) == (field in IDLE), field


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"dnsTrustedServers": []}, "spec.dnsTrustedServers: an empty list names no server"),
        ({"dnsTrustedServers": ["k8s-service:dns"]}, "spec.dnsTrustedServers[0]: k8s-service:dns is a service"),
        ({"dropActionOverride": "Accept"}, "spec.dropActionOverride: Accept is not followed"),
        ({"dnsPolicyMode": "Inline", "nftablesDNSPolicyMode": "NoDelay"}, "spec.dnsPolicyMode: has no effect beside"),
        ({"failsafeInboundHostPorts": []}, "spec.failsafeInboundHostPorts: an empty list opens no port"),
        ({"failsafeOutboundHostPorts": []}, "spec.failsafeOutboundHostPorts: an empty list opens no port"),
        ({"failsafeInboundHostPorts": [{"port": 22, "protocol": "UDP"}, {"port": 8053}]},
         "spec.failsafeInboundHostPorts: without TCP 22"),
    ],
)  # fmt: skip
def test_what_does_more_or_less_than_it_looks(spec: dict[str, Any], said: str) -> None:
    (warning,) = warnings(read(felix(**spec)))
    assert warning.startswith(said)


def test_values_are_typed() -> None:
    spec = spec_of(dnsExtraTTL="1m30s", defaultEndpointToHostAction="Return", failsafeInboundHostPorts=[{"port": 22}])
    assert spec.dns_extra_ttl is not None
    assert spec.dns_extra_ttl.seconds == 90.0
    assert spec.default_endpoint_to_host_action is EndpointToHostAction.RETURN
    (entry,) = spec.failsafe_inbound_host_ports or ()
    assert (entry.protocol, entry.port, entry.net) == (FailsafeProtocol.TCP, 22, None)
    assert spec.failsafe_outbound_host_ports is None


def test_a_protocol_of_a_failsafe_port_is_written_in_capitals() -> None:
    ports = [{"protocol": "udp", "port": 68}, {"port": 22}]
    written = to_dict(read(felix(failsafeInboundHostPorts=ports)))["spec"]["failsafeInboundHostPorts"]
    assert written == [{"protocol": "UDP", "port": 68}, {"port": 22}]


@pytest.mark.parametrize(
    ("name", "node", "found"),
    [
        ("default", "", set()),
        ("node.a.example", "a.example", set()),
        ("node.", None, {"V-01"}),
        ("node", None, {"V-01"}),
        ("other", None, {"V-01"}),
    ],
)
def test_only_names_that_have_an_effect_are_taken(name: str, node: str | None, found: set[str]) -> None:
    data = obj("FelixConfiguration", {}, name)
    assert codes(data) == found
    if node is not None:
        made = read(data)
        assert isinstance(made, FelixConfiguration)
        assert made.node == node
