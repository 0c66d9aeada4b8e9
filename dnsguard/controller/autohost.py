"""This node's own host endpoint, made by itself where that is asked for: what Calico's kube-controllers does for each
node (`kube-controllers/pkg/controllers/node/hostendpoints.go`).

It is an object like others, so policies select it, `kubectl get` shows it, and it is in force from the first moment of
the next start. It names its maker, by which it is told from those of users, and follows what the node is.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Final

from dnsguard.calc.compiled import Address
from dnsguard.calc.evaluator.node import is_one_of
from dnsguard.controller.node import ADDRESS_SECONDS, InterfaceAddresses, addresses_by_interface
from dnsguard.discovery.mirror import Mirror, Written
from dnsguard.errors import DnsguardError
from dnsguard.resources import kind_of, parse_object
from dnsguard.resources.kubecontrollers import DEFAULT, KubeControllersConfiguration
from dnsguard.resources.madeby import HOST_ENDPOINTS, MADE_BY
from dnsguard.resources.profile import DEFAULT_ALLOW
from dnsguard.settings import Settings
from dnsguard.store.interface import Key, NotFound, Object, Store

log = logging.getLogger(__name__)

CREATED_BY: Final = "projectcalico.org/created-by", "calico-kube-controllers"
"""The label of Calico's automatic host endpoints, for policies that were written for them."""

_KIND = kind_of("HostEndpoint")
_COLLECTION: Final = _KIND.collection
_CONFIGURATION: Final = Key(kind_of("KubeControllersConfiguration").collection, "", DEFAULT)


class AutoHost:
    """Owner of the automatic host endpoint. ``run`` is one task."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        say: Callable[[str, int], None],
        seconds: float = ADDRESS_SECONDS,
    ) -> None:
        """``say``: hears what was changed, and the revision that it took."""
        self._settings = settings
        self._store = store
        self._mirror = Mirror(store, HOST_ENDPOINTS, self._record)
        self._say = say
        self._seconds = seconds
        self.problem = ""
        """Why the object is not as it should be; empty when all is well."""

    async def run(self) -> None:
        """Keep it until cancelled. What goes wrong is tried again."""
        while True:
            try:
                problem = await self._keep()
            except (DnsguardError, OSError) as error:
                problem = f"the automatic host endpoint is not kept right: {error}"
            if problem and problem != self.problem:
                log.warning("%s", problem)
            self.problem = problem
            await asyncio.sleep(self._seconds)

    async def _keep(self) -> str:
        """Why it is not as it should be; empty when it is."""
        wanted = await self._wanted()
        held = await self._mirror.held(_COLLECTION)
        # A store is of one node, so one of another name is this node's as it was called before.
        for key in held.keys() - wanted.keys():
            await self._mirror.remove(key, held[key])
        for key, value in wanted.items():
            if not await self._mirror.put(key, value, held.get(key)):
                return (
                    f"hostendpoint {key.name} is not of dnsguard's making, so this node has no automatic one:"
                    " delete it or give it another name"
                )
        return ""

    async def _wanted(self) -> dict[Key, Object]:
        """One, or none."""
        if not await self._is_asked_for():
            return {}
        value = automatic(self._settings, await asyncio.to_thread(addresses_by_interface))
        return {Key(_COLLECTION, "", value["metadata"]["name"]): value}

    async def _is_asked_for(self) -> bool:
        """The node's own settings come first, as with what FelixConfiguration says."""
        if "auto_host_endpoint" in self._settings.model_fields_set:
            return self._settings.auto_host_endpoint == "On"
        try:
            configuration = parse_object(await self._store.get(_CONFIGURATION))
        except NotFound:
            return False
        return isinstance(configuration, KubeControllersConfiguration) and configuration.makes_host_endpoint

    async def _record(self, written: Written) -> None:
        what = "made" if written.before is None else "removed" if written.after is None else "follows the node"
        self._say(f"automatic host endpoint {written.key.name}: {what}", written.revision)


def automatic(settings: Settings, interfaces: InterfaceAddresses) -> Object:
    """The host endpoint of this node, with these interfaces. Until a policy applies, its profile allows everything."""
    addresses = sorted({*host_addresses(settings, interfaces)}, key=lambda each: (each.version, each))
    return {
        "apiVersion": _KIND.api_version,
        "kind": _KIND.kind,
        "metadata": {
            "name": f"{settings.node_name}-auto-hep",
            "labels": dict([*settings.node_labels, CREATED_BY]),
            "annotations": {MADE_BY: HOST_ENDPOINTS},
        },
        "spec": {
            "node": settings.node_name,
            "interfaceName": "*",
            **({"expectedIPs": [str(address) for address in addresses]} if addresses else {}),
            "profiles": [DEFAULT_ALLOW],
        },
    }


def host_addresses(settings: Settings, interfaces: InterfaceAddresses) -> Iterator[Address]:
    """The addresses of the node that others may know it by."""
    of_workloads = tuple(f"{prefix}*" for prefix in settings.workload_interfaces)
    for interface, addresses in interfaces:
        if is_one_of(interface, of_workloads) or fnmatchcase(interface, f"{settings.canary_interface}[01]"):
            continue
        yield from _lasting(addresses)


def _lasting(addresses: Iterable[Address]) -> Iterator[Address]:
    return (each for each in addresses if not each.is_link_local and not each.is_loopback)
