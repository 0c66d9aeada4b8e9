"""Who is warned of being shut out: only with no failsafe port in the way, and only of what policy denies."""

from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import Any

import pytest

from dnsguard.controller import lockout
from dnsguard.controller.inputs import Inputs
from dnsguard.controller.lockout import Lockouts
from dnsguard.controller.sessions import Session
from dnsguard.resources import kind_of, to_dict
from dnsguard.resources.references import BUILTINS
from dnsguard.store.interface import Key
from tests.unit.controller.running import settings

NODE, ADMIN, OTHER, SERVER = "192.0.2.1", "198.51.100.7", "198.51.100.8", "192.0.2.53"
API_PORT = 8053


def of_kind(kind: str, name: str, spec: Any) -> dict[str, Any]:
    return {"apiVersion": "projectcalico.org/v3", "kind": kind, "metadata": {"name": name}, "spec": spec}


HOST = of_kind("HostEndpoint", "here", {"node": "here", "interfaceName": "*", "expectedIPs": [NODE],
                                        "profiles": ["projectcalico-default-allow"]})  # fmt: skip
NO_FAILSAFE = of_kind(
    "FelixConfiguration", "default", {"failsafeInboundHostPorts": [], "failsafeOutboundHostPorts": []}
)
CLOSED = of_kind("GlobalNetworkPolicy", "closed", {"selector": "all()", "types": ["Ingress", "Egress"]})
SSH_AND_DNS = of_kind(
    "GlobalNetworkPolicy",
    "essentials",
    {
        "order": 1,
        "selector": "all()",
        "types": ["Ingress", "Egress"],
        "ingress": [
            {"action": "Allow", "protocol": "TCP", "source": {"nets": [f"{ADMIN}/32"]}, "destination": {"ports": [22]}}
        ],
        "egress": [{"action": "Allow", "protocol": "UDP", "destination": {"ports": [53]}}],
    },
)
SSH = f"SSH from {ADMIN}, which is connected now, is denied with this, and no failsafe port keeps it open"
API = f"the admin API from {OTHER}, which is connected now, is denied with this, and no failsafe port keeps it open"
DNS = f"dnsguard's own way to the DNS server {SERVER}:53 is denied with this, and no failsafe port keeps it open"


def connected(ports: Sequence[int]) -> Iterator[Session]:
    assert list(ports) == [22, API_PORT]
    yield Session(ip_address(ADMIN), ip_address(NODE), 22)
    yield Session(ip_address(OTHER), ip_address(NODE), API_PORT)


def key(value: dict[str, Any]) -> Key:
    return Key(kind_of(value["kind"]).collection, value["metadata"].get("namespace", ""), value["metadata"]["name"])


def lockouts(*stored: dict[str, Any], **given: Any) -> Lockouts:
    inputs = Inputs()
    inputs.replace([*map(to_dict, BUILTINS), *stored], 1)
    given = {"upstreams": [SERVER], "api_listen": f"{NODE}:{API_PORT}"} | given
    return Lockouts(inputs, settings(**given), connected)


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lockout, "addresses_by_interface", lambda: (("eth0", (ip_address(NODE),)),))
    monkeypatch.setattr(lockout, "own_address", lambda _: ip_address(NODE))


async def test_with_the_default_failsafe_ports_nobody_is_shut_out_and_no_policy_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ask(_: Any) -> None:
        raise AssertionError("there is nothing to ask")

    monkeypatch.setattr(lockout, "compile_policy", ask)
    assert await lockouts(HOST)(key(CLOSED), CLOSED) == ()
    assert await lockouts(CLOSED)(key(HOST), HOST) == ()


async def test_without_them_everybody_who_is_denied_is_named() -> None:
    everybody = (SSH, API, DNS)
    assert await lockouts(HOST, NO_FAILSAFE)(key(CLOSED), CLOSED) == everybody
    assert await lockouts(HOST, CLOSED)(key(NO_FAILSAFE), NO_FAILSAFE) == everybody
    assert await lockouts(NO_FAILSAFE, CLOSED)(key(HOST), HOST) == everybody
    by_setting = lockouts(HOST, failsafe_inbound=[], failsafe_outbound=[])
    assert await by_setting(key(CLOSED), CLOSED) == everybody
    assert await by_setting(key(SSH_AND_DNS), SSH_AND_DNS) == (API,)
    assert await lockouts(HOST, NO_FAILSAFE, CLOSED, SSH_AND_DNS)(key(SSH_AND_DNS), None) == everybody


async def test_a_list_of_ones_own_leaves_out_what_it_leaves_out() -> None:
    only_ssh = of_kind("FelixConfiguration", "default", {"failsafeInboundHostPorts": [{"port": 22}]})
    assert await lockouts(HOST, CLOSED)(key(only_ssh), only_ssh) == (API,)


async def test_what_has_nothing_to_do_with_the_host_is_not_looked_at() -> None:
    workload = of_kind("WorkloadEndpoint", "w", {})
    asked = lockouts(HOST, CLOSED, NO_FAILSAFE)
    assert await asked(key(workload), workload) == ()
    assert await lockouts(NO_FAILSAFE)(key(CLOSED), CLOSED) == (), "there is no host endpoint"
    broken = of_kind("GlobalNetworkPolicy", "closed", {"selector": "((("})
    assert await asked(key(broken), broken) == (), "that it is refused is another's to say"
