"""Policy in force, without a kernel and without forwarders: what the read models look at."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

from dnsguard.controller.computing import Computing
from dnsguard.controller.enforcement import Enforcer
from dnsguard.controller.inputs import Inputs
from dnsguard.dataplane.rules import Plan
from dnsguard.link.messages import LearnedAlias, LearnedLease, LeasesReply, NamesFound, WithheldAddress
from dnsguard.link.server import ForwarderState
from dnsguard.resources import manifest
from dnsguard.settings import Settings

LISTEN = frozenset({"192.0.2.53#53"})
SHOP = """
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: projectcalico.org/v3
kind: WorkloadEndpoint
metadata: {name: cart, namespace: shop, labels: {app: cart}}
spec: {interfaceName: cali1, ipNetworks: [10.0.0.7/32, "2001:db8::7/128"]}
---
apiVersion: projectcalico.org/v3
kind: WorkloadEndpoint
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  interfaceName: cali2
  ipNetworks: [10.0.0.8/32]
  profiles: [kns.shop]
  ports:
    - {name: http, protocol: TCP, port: 80}
    - {name: dns, protocol: UDP, port: 53}
    - {name: dns, protocol: TCP, port: 53}
---
apiVersion: projectcalico.org/v3
kind: WorkloadEndpoint
metadata: {name: far, namespace: shop, labels: {app: web}}
spec: {node: there, interfaceName: cali3, ipNetworks: [10.0.0.9/32]}
---
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: names, namespace: shop}
spec:
  selector: app == 'cart'
  types: [Egress]
  egress:
    - action: Allow
      protocol: TCP
      destination: {domains: ["*.example.org"], ports: [443]}
    - action: Deny
      destination: {nets: [198.51.100.0/24]}
    - action: Allow
      destination: {nets: [198.51.100.0/25]}
    - action: Allow
      protocol: TCP
      destination: {selector: app == 'web', ports: [80]}
"""


def settings(**values: Any) -> Settings:
    paths = {"state_dir": Path("state"), "run_dir": Path("run")}
    node = {"node_name": "here", "workload_cidrs": ["10.0.0.0/8"], "self_test": "Off"}
    return Settings.model_validate({**paths, "upstreams": ["192.0.2.99"], **node, **values})


class FakeForwarders:
    """One forwarder with these leases."""

    def __init__(
        self,
        *leases: LearnedLease,
        aliases: tuple[LearnedAlias, ...] = (),
        connected: bool = True,
        answers: bool = True,
        withheld: tuple[WithheldAddress, ...] = (),
    ) -> None:
        self._leases = leases
        self._aliases = aliases
        self._withheld = withheld
        self._answers = answers
        self.asked: list[str] = []
        self.searched: list[tuple[str | int, ...]] = []
        self.found: tuple[NamesFound, ...] = ()
        state = ForwarderState("f1", tuple(LISTEN), 3, 2, "", None)
        self.forwarders: tuple[ForwarderState, ...] = (state,) if connected else ()
        self.listen = LISTEN

    async def leases(self, client: str, seconds: float) -> tuple[LeasesReply, ...]:
        assert seconds > 0
        self.asked.append(client)
        reply = LeasesReply(1, self._leases, aliases=self._aliases, withheld=self._withheld)
        return (reply,) if self._answers else ()

    async def search_leases(
        self, client: str, name: str, address: str, lease_set: str, limit: int, seconds: float
    ) -> tuple[LeasesReply, ...]:
        self.searched.append((client, name, address, lease_set, limit))
        return await self.leases(client, seconds)

    async def search_names(self, pattern: str, limit: int, seconds: float) -> tuple[NamesFound, ...]:
        self.searched.append((pattern, limit))
        return self.found if seconds > 0 and self._answers else ()


def lease(address: str, *lease_sets: str, names: tuple[str, ...] = ("api.example.org",)) -> LearnedLease:
    return LearnedLease("shop/cart", "10.0.0.7", address, lease_sets, names, 59.6)


class InForce:
    """An enforcer that holds the policy of a manifest, as if it had run."""

    def __init__(self, text: str, **values: Any) -> None:
        self.settings = settings(**values)
        self.inputs = Inputs()
        objects = [_with_version(document.data) for document in manifest.load(text, "test")]
        self.inputs.replace(objects, 7)
        assert not self.inputs.invalid, self.inputs.invalid
        self.worker = ThreadPoolExecutor(1)
        compute = Computing(self.settings)
        self.enforcer: Enforcer[Plan] = Enforcer(
            self.inputs, compute, cast("Any", None), cast("Any", None), self.worker
        )
        # In a thread, as the product does: it asks the kernel for addresses, and that with an event loop of its own.
        self.enforcer.enforced = self.worker.submit(compute, self.inputs.resources, LISTEN, 7).result()

    def lease_set(self, pattern: str) -> str:
        """The identifier of the lease set that this pattern feeds."""
        assert self.enforcer.enforced is not None
        sets = self.enforcer.enforced.compiled.lease_sets.values()
        (found,) = [each.id for each in sets if pattern in {known.canonical for known in each.patterns}]
        return found


def _with_version(value: Mapping[str, Any]) -> dict[str, Any]:
    return {**value, "metadata": {**value["metadata"], "resourceVersion": "7"}}
