from ipaddress import ip_network
from typing import Any

import pytest

from dnsguard.calc.evaluator.failsafe import DEFAULT_FAILSAFE, FailsafePort
from dnsguard.resources import Resource, parse_object
from dnsguard.settings import Settings
from dnsguard.settings.effective import Effective, effective


def said(name: str, **spec: Any) -> Resource:
    return parse_object(
        {
            "apiVersion": "projectcalico.org/v3",
            "kind": "FelixConfiguration",
            "metadata": {"name": name},
            "spec": spec,
        }
    )


def settings(**values: Any) -> Settings:
    paths = {"state_dir": "state", "run_dir": "run", "node_name": "here"}
    return Settings.model_validate({**paths, **values})


def origin(found: Effective, name: str) -> tuple[str, str]:
    return next((each.value, each.origin) for each in found.origins if each.name == name)


@pytest.mark.parametrize(
    ("given", "resources", "wanted", "value"),
    [
        ({}, [], None, ("0s", "built-in")),
        ({}, [said("default")], None, ("0s", "built-in")),
        ({}, [said("default", dnsExtraTTL="10s")], 10.0, ("10s", "FelixConfiguration/default")),
        (
            {},
            [said("default", dnsExtraTTL="10s"), said("node.here", dnsExtraTTL="20s")],
            20.0,
            ("20s", "FelixConfiguration/node.here"),
        ),
        ({}, [said("node.there", dnsExtraTTL="20s")], None, ("0s", "built-in")),
        ({"dns_extra_ttl": 5}, [said("node.here", dnsExtraTTL="20s")], None, ("5s", "setting")),
    ],
)
def test_settings_then_node_then_default_then_built_in(
    given: dict[str, Any], resources: list[Resource], wanted: float | None, value: tuple[str, str]
) -> None:
    for order in (resources, resources[::-1]):
        found = effective(settings(**given), order)
        assert found.extra_ttl == wanted
        assert origin(found, "dnsExtraTTL") == value


def test_a_field_that_a_setting_takes_the_effect_from_is_told() -> None:
    default = said("default", dnsTrustedServers=["192.0.2.1"], dnsLogsFileMaxFiles=3, dnsExtraTTL="10s")
    found = effective(settings(upstreams=["192.0.2.2"], dns_log_max_files=7), [default])
    assert found.warnings == (
        "dnsTrustedServers of FelixConfiguration/default is without effect: --upstreams is set",
        "dnsLogsFileMaxFiles of FelixConfiguration/default is without effect: --dns-log-max-files is set",
    )
    found = effective(settings(upstreams=["192.0.2.2"]), [said("node.here", dnsTrustedServers=["::1"]), default])
    assert found.warnings == (
        "dnsTrustedServers of FelixConfiguration/node.here is without effect: --upstreams is set",
    )
    assert effective(settings(upstreams=["192.0.2.2"]), [said("default", dnsExtraTTL="10s")]).warnings == ()


@pytest.mark.parametrize(
    ("given", "spec", "which", "files", "size"),
    [
        ({}, {}, None, None, None),
        ({}, {"dnsLogsFileEnabled": True}, "All", None, None),
        ({}, {"dnsLogsFileEnabled": False}, "Off", None, None),
        ({"dns_log": "Denied"}, {"dnsLogsFileEnabled": True}, None, None, None),
        ({}, {"dnsLogsFileMaxFiles": 3, "dnsLogsFileMaxFileSizeMB": 20}, None, 3, 20),
        ({}, {"dnsLogsFileMaxFiles": 0, "dnsLogsFileMaxFileSizeMB": 10**9}, None, 1, 10_000),
        ({"dns_log_max_files": 7}, {"dnsLogsFileMaxFiles": 3}, None, None, None),
    ],
)
def test_the_dns_log(
    given: dict[str, Any], spec: dict[str, Any], which: str | None, files: int | None, size: int | None
) -> None:
    found = effective(settings(**given), [said("default", **spec)])
    assert (found.dns_log, found.dns_log_max_files, found.dns_log_max_file_size_mb) == (which, files, size)


def test_each_value_has_its_own_origin() -> None:
    found = effective(
        settings(endpoint_to_host_action="Accept"),
        [
            said("node.here", nftablesFilterDenyAction="Reject", defaultEndpointToHostAction="Return"),
            said("default", nftablesFilterDenyAction="Drop", dnsCacheEpoch=4, dnsTrustedServers=["192.0.2.1", "::1"]),
        ],
    )
    assert (found.endpoint_to_host, found.deny, found.cache_epoch) == ("Accept", "Reject", 4)
    assert found.trusted_servers == ("192.0.2.1", "::1")
    assert origin(found, "defaultEndpointToHostAction") == ("Accept", "setting")
    assert origin(found, "nftablesFilterDenyAction") == ("Reject", "FelixConfiguration/node.here")
    assert origin(found, "dnsTrustedServers") == ("192.0.2.1, ::1", "FelixConfiguration/default")
    assert origin(found, "failsafeInboundHostPorts")[1] == "built-in"


def test_what_workloads_may_wrap_is_said_by_resources_alone() -> None:
    found = effective(settings(), [])
    assert (found.allow_vxlan, found.allow_ipip) == (False, False)
    assert origin(found, "allowVXLANPacketsFromWorkloads") == ("false", "built-in")
    found = effective(
        settings(),
        [
            said("node.here", allowVXLANPacketsFromWorkloads=False),
            said("default", allowVXLANPacketsFromWorkloads=True, allowIPIPPacketsFromWorkloads=True),
        ],
    )
    assert (found.allow_vxlan, found.allow_ipip) == (False, True)
    assert origin(found, "allowVXLANPacketsFromWorkloads") == ("false", "FelixConfiguration/node.here")
    assert origin(found, "allowIPIPPacketsFromWorkloads") == ("true", "FelixConfiguration/default")


def test_failsafe_ports_replace_the_list_and_an_empty_one_opens_none() -> None:
    ports = [{"protocol": "udp", "port": 53, "net": "192.0.2.0/24"}, {"port": 22}]
    found = effective(settings(), [said("default", failsafeInboundHostPorts=ports, failsafeOutboundHostPorts=[])])
    assert found.failsafe.inbound == (FailsafePort(17, 53, ip_network("192.0.2.0/24")), FailsafePort(6, 22))
    assert found.failsafe.outbound == ()
    assert effective(settings(), []).failsafe == DEFAULT_FAILSAFE


@pytest.mark.parametrize(
    ("node", "default", "no_delay", "warns"),
    [
        ({}, {}, False, ""),
        ({}, {"DNSPolicyMode": "DelayDNSResponse"}, False, ""),
        ({}, {"dnsPolicyMode": "Inline"}, False, ""),
        ({}, {"dnsPolicyMode": "NoDelay"}, True, "may be denied"),
        ({}, {"nftablesDNSPolicyMode": "DelayDeniedPacket"}, False, "behaves as DelayDNSResponse"),
        ({}, {"dnsPolicyMode": "NoDelay", "nftablesDNSPolicyMode": "DelayDNSResponse"}, False, ""),
        ({"dnsPolicyMode": "NoDelay"}, {"nftablesDNSPolicyMode": "DelayDNSResponse"}, False, ""),
        ({"nftablesDNSPolicyMode": "NoDelay"}, {"nftablesDNSPolicyMode": "DelayDNSResponse"}, True, "may be denied"),
    ],
)
def test_the_mode_of_nftables_goes_before_the_general_one(
    node: dict[str, Any], default: dict[str, Any], no_delay: bool, warns: str
) -> None:
    found = effective(settings(), [said("default", **default), said("node.here", **node)])
    assert found.no_delay is no_delay
    assert len(found.warnings) == bool(warns)
    assert warns in "".join(found.warnings)


@pytest.mark.parametrize(
    ("action", "warns"),
    [("Drop", ""), ("LogAndDrop", ""), ("Accept", "not followed"), ("LogAndAccept", "not followed")],
)
def test_no_object_switches_enforcement_off(action: str, warns: str) -> None:
    found = effective(settings(), [said("default", dropActionOverride=action)])
    assert (found.deny, len(found.warnings)) == ("Drop", bool(warns))
    assert warns in "".join(found.warnings)


def test_what_is_dropped_is_logged_unless_that_is_off() -> None:
    found = effective(settings(packet_log="Off"), [said("default", dropActionOverride="LogAndDrop")])
    assert found.warnings == ("dropActionOverride: LogAndDrop behaves as Drop: packet_log is Off",)


@pytest.mark.parametrize(("told", "hold", "warns"), [("100ms", 0.1, False), ("3s", 0.25, True), ("250ms", 0.25, False)])
def test_a_hold_is_shortened_and_never_lengthened(told: str, hold: float, warns: bool) -> None:
    found = effective(settings(), [said("default", dnsPacketsNfqueueMaxHoldDuration=told)])
    assert (found.hold, bool(found.warnings)) == (hold, warns)


def test_an_empty_list_of_servers_is_a_list_that_cannot_be_used() -> None:
    assert effective(settings(), [said("default", dnsTrustedServers=[])]).trusted_servers == ("",)
    assert effective(settings(upstreams=["192.0.2.1"]), [said("default", dnsTrustedServers=[])]).trusted_servers is None
