"""FelixConfiguration by HTTP: in the rules, in what forwarders are told and in the status, without a restart."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dnsguard.link.messages import Delta, DnsConfiguration
from tests.support.netns import namespace
from tests.system.controller import Controller, FakeForwarder

CONFIGURATIONS = "/apis/projectcalico.org/v3/felixconfigurations"
ENDPOINTS = "/apis/projectcalico.org/v3/namespaces/shop/workloadendpoints"


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[Controller]:
    with namespace() as node, node.entered():
        made = Controller(node, tmp_path)
        try:
            yield made
        finally:
            made.close()


async def called(controller: Controller, call: Callable[..., Any], *arguments: Any) -> Any:
    """The result of a call that blocks, in the controller's namespace."""

    def inside() -> Any:
        with controller.node.entered():
            return call(*arguments)

    return await asyncio.to_thread(inside)


async def told(forwarder: FakeForwarder) -> DnsConfiguration:
    """The next configuration that forwarders are told."""
    while True:
        message = await asyncio.wait_for(forwarder.told.get(), 20)
        if isinstance(message, Delta) and message.configuration:
            return message.configuration[0]


def values(status: Any) -> dict[str, tuple[str, str]]:
    return {each["name"]: (each["value"], each["origin"]) for each in status["configuration"]}


async def test_it_takes_effect_and_ends_with_its_object(controller: Controller) -> None:
    controller.start()
    await called(controller, controller.until_in_sync)
    forwarder = FakeForwarder(controller.directory / "run" / "link.sock")
    task = asyncio.create_task(forwarder.client.run())
    try:
        await asyncio.wait_for(forwarder.told.get(), 20)
        await called(controller, controller.create, "/api/v1/namespaces", "Namespace", "shop", {})
        spec = {"interfaceName": "cali1", "ipNetworks": ["10.0.0.7/32"], "profiles": ["kns.shop"]}
        await called(controller, controller.create, ENDPOINTS, "WorkloadEndpoint", "cart", spec)
        await called(controller, controller.until_in_sync)
        drops = '"workload-to-host" drop'
        assert drops in await called(controller, controller.rules)

        here = {"defaultEndpointToHostAction": "Accept", "DNSCacheEpoch": 7}
        await called(controller, controller.create, CONFIGURATIONS, "FelixConfiguration", "node.here", here)
        assert await told(forwarder) == DnsConfiguration(cache_epoch=7)
        status = await called(controller, controller.until_in_sync)
        assert drops not in await called(controller, controller.rules)
        default = {"dnsPolicyMode": "NoDelay", "dnsCacheEpoch": 9, "dropActionOverride": "Accept", "dnsExtraTTL": "10s"}
        await called(controller, controller.create, CONFIGURATIONS, "FelixConfiguration", "default", default)
        assert await told(forwarder) == DnsConfiguration(cache_epoch=7, no_delay=True, extra_ttl=10.0)
        status = await called(controller, controller.until_in_sync)
        found = values(status)
        assert found["dnsCacheEpoch"] == ("7", "FelixConfiguration/node.here")
        assert found["dnsPolicyMode"] == ("NoDelay", "FelixConfiguration/default")
        assert found["dnsTrustedServers"] == ("192.0.2.99:53", "setting")
        assert any("Accept is not followed" in warning for warning in status["warnings"])

        await called(controller, controller.request, "DELETE", f"{CONFIGURATIONS}/node.here")
        assert await told(forwarder) == DnsConfiguration(cache_epoch=9, no_delay=True, extra_ttl=10.0)
        await called(controller, controller.until_in_sync)
        assert drops in await called(controller, controller.rules)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
