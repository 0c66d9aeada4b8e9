"""The controller against the real kernel: policy by HTTP, rules by nft, killed and started again."""

import asyncio
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dnsguard.link.messages import Delta, Snapshot
from tests.support.netns import namespace
from tests.system.controller import Controller, FakeForwarder, controller_in, until

POLICIES = "/apis/projectcalico.org/v3/namespaces/shop/networkpolicies"
ENDPOINTS = "/apis/projectcalico.org/v3/namespaces/shop/workloadendpoints"
EGRESS: dict[str, Any] = {
    "selector": "app == 'cart'",
    "types": ["Egress"],
    "egress": [
        {"action": "Allow", "protocol": "TCP", "destination": {"domains": ["*.example.org"], "ports": [443]}},
        {"action": "Allow", "protocol": "TCP", "destination": {"nets": ["198.51.100.0/24"], "ports": [80]}},
    ],
}


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[Controller]:
    with namespace() as node, node.entered():
        made = Controller(node, tmp_path)
        try:
            yield made
        finally:
            made.close()


def create_policy(controller: Controller) -> None:
    controller.create("/api/v1/namespaces", "Namespace", "shop", {})
    spec = {"interfaceName": "cali1", "ipNetworks": ["10.0.0.7/32"]}
    controller.create(ENDPOINTS, "WorkloadEndpoint", "cart", spec, {"app": "cart"})
    controller.create(POLICIES, "NetworkPolicy", "names", EGRESS)


def test_policy_by_http_becomes_rules_that_outlive_the_controller(controller: Controller) -> None:
    controller.start()
    controller.until_in_sync()
    assert 'iifname "cali*" counter name "unknown-workload-egress"' in controller.rules()
    create_policy(controller)
    status = controller.until_in_sync()
    assert status["storeRevision"] == status["enforcedRevision"]
    rules = controller.rules()
    assert 'counter name "np-shop.names-egress-1"' in rules
    assert 'elements = { 10.0.0.7 comment "shop/cart"' in rules

    # What a forwarder learned meanwhile must survive whatever happens to the controller.
    lease_set = next(line.split()[1] for line in rules.splitlines() if line.strip().startswith("set d4-"))
    nft(f"add element inet dnsguard {lease_set} {{ 10.0.0.7 . 203.0.113.9 timeout 1h }}")
    handles = nft("-a list table inet dnsguard")
    controller.stop(signal.SIGKILL)
    assert without_expiry(nft("-a list table inet dnsguard")) == without_expiry(handles)
    controller.start()
    controller.until_in_sync()
    after = controller.rules()
    assert "10.0.0.7 . 203.0.113.9" in after
    assert without_expiry(after) == without_expiry(nft("list table inet dnsguard"))
    assert [line for line in after.splitlines() if "counter name" in line] == [
        line for line in rules.splitlines() if "counter name" in line
    ]

    controller.request("DELETE", f"{POLICIES}/names")
    until(lambda: "np-shop.names" not in controller.rules())
    assert lease_set not in controller.rules()
    assert controller.stop() == 0
    assert "unknown-workload-egress" in controller.rules()


def test_a_table_that_others_remove_comes_back(controller: Controller) -> None:
    controller.start()
    controller.until_in_sync()
    create_policy(controller)
    controller.until_in_sync()
    before = controller.rules()
    nft("flush ruleset")
    until(lambda: sorted(controller.rules().splitlines()) == sorted(before.splitlines()))
    assert any("restored" in warning for warning in controller.status()["warnings"])


def test_files_are_the_owners_and_what_is_wrong_is_refused(controller: Controller) -> None:
    controller.start()
    controller.until_in_sync()
    state = controller.directory / "state"
    for name in ("token", "audit.jsonl", "store.db"):
        assert stat.S_IMODE((state / name).stat().st_mode) == 0o600, name
    with pytest.raises(AssertionError, match="422"):
        controller.create(POLICIES, "NetworkPolicy", "bad", {"selector": "app =="})
    until(lambda: '"code":422' in (state / "audit.jsonl").read_text())
    second = Controller(controller.node, controller.directory)
    second.start()
    assert second.ended() == 1
    second.close()
    assert controller.status()["dataplane"]["inSync"]


def test_on_stop_remove_takes_the_table_away(tmp_path: Path) -> None:
    with controller_in(tmp_path, "--on-stop", "Remove") as made:
        assert made.stop() == 0
        assert made.rules() == ""


def test_wrong_settings_are_all_named(tmp_path: Path) -> None:
    with namespace() as node, node.entered():
        made = Controller(node, tmp_path, "--on-stop", "Perhaps", "--table", "no good")
        made.start()
        assert made.ended() == 2
        assert "--on-stop" in made.log
        assert "--table" in made.log
        made.close()


async def test_a_forwarder_hears_of_policy_before_rules_use_it(controller: Controller) -> None:
    controller.start()
    await asyncio.to_thread(inside, controller, controller.until_in_sync)
    forwarder = FakeForwarder(controller.directory / "run" / "link.sock")
    task = asyncio.create_task(forwarder.client.run())
    try:
        first = await asyncio.wait_for(forwarder.told.get(), 20)
        assert isinstance(first, Snapshot)
        assert (first.table, first.lease_sets) == ("dnsguard", ())
        await asyncio.to_thread(inside, controller, create_policy, controller)
        feeds: dict[str, tuple[str, ...]] = {}
        identities: dict[str, tuple[str, ...]] = {}
        while not feeds or not identities:
            delta = await asyncio.wait_for(forwarder.told.get(), 20)
            assert isinstance(delta, Delta)
            feeds |= {feed.kernel_set_v4: feed.patterns for feed in delta.lease_sets}
            identities |= {identity.endpoint: identity.may_query for identity in delta.identities}
        ((kernel_set, patterns),) = feeds.items()
        assert patterns == ("*.example.org",)
        assert kernel_set in await asyncio.to_thread(inside, controller, controller.rules)
        assert list(identities) == ["shop/cart"]
        status = await asyncio.to_thread(inside, controller, controller.until_in_sync)
        assert status["forwarders"][0]["id"] == "f1"
        assert status["ready"]
        await asyncio.to_thread(inside, controller, nft, f"flush set inet dnsguard {kernel_set}")
        while not isinstance(again := await asyncio.wait_for(forwarder.told.get(), 20), Snapshot):
            pass
        assert [feed.kernel_set_v4 for feed in again.lease_sets] == [kernel_set], "whatever it has is written anew"
        explanation = await asyncio.to_thread(
            inside,
            controller,
            controller.request,
            "POST",
            "/v1/explain",
            {"source": "shop/cart", "destination": "api.example.org", "port": 443},
        )
        assert explanation["verdict"] == "Allow"
        assert any(note.startswith("kernel counter np-shop.names-egress-0: 0 packets") for note in explanation["notes"])
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def inside(controller: Controller, call: Any, *arguments: Any) -> Any:
    """In the controller's namespace: a thread of a pool starts in the process's own."""
    with controller.node.entered():
        return call(*arguments)


def nft(command: str) -> str:
    return subprocess.run(
        ["nft", *command.split(" ", 1 if command.startswith("-a") else 0)], capture_output=True, text=True, check=True
    ).stdout


def without_expiry(rules: str) -> str:
    return "\n".join(line.partition(" expires ")[0] for line in rules.splitlines())
