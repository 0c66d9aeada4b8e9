"""Discovery of containers, wired: its changes are in the audit log, and its state is shown."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

from dnsguard.api.audit import AuditRecord, shown
from dnsguard.api.services import Audit
from dnsguard.api.views.models import DockerState
from dnsguard.discovery.docker.client import DockerClient
from dnsguard.discovery.docker.discovery import COLLECTION, Discovery
from dnsguard.discovery.mirror import Mirror, Written
from dnsguard.observe.exposition import Metric
from dnsguard.resources.apiversions import PROJECTCALICO
from dnsguard.resources.madeby import DOCKER
from dnsguard.settings import Settings
from dnsguard.store.interface import Store, StoreUnavailable

RETRY_SECONDS = 5.0
"""Between attempts to remove what was discovered before, where the store does not answer."""


class Discovering:
    """``run`` is one task."""

    def __init__(self, settings: Settings, store: Store, audit: Audit) -> None:
        self._audit = audit
        self._mirror = Mirror(store, DOCKER, self._record)
        self._discovery = None
        if settings.docker == "On":
            client = DockerClient(settings.docker_socket)
            self._discovery = Discovery(
                client, self._mirror, settings.docker_networks, settings.docker_namespace, settings.node_name
            )

    async def run(self) -> None:
        """Until cancelled, or until endpoints that were discovered before are gone where that is off now: nobody would
        remove them any more."""
        if self._discovery is not None:
            await self._discovery.run()
            return
        while True:
            try:
                for key, value in (await self._mirror.held(COLLECTION)).items():
                    await self._mirror.remove(key, value)
            except StoreUnavailable:
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    @property
    def problems(self) -> Iterator[str]:
        """For people."""
        if self._discovery is not None:
            yield from self._discovery.problems

    def metrics(self) -> Iterator[Metric]:
        """Families for a scrape."""
        if self._discovery is not None:
            yield from self._discovery.metrics()

    @property
    def state(self) -> DockerState | None:
        """For the status; None where discovery is off."""
        if self._discovery is None:
            return None
        seen, ago = self._discovery.seen, self._discovery.seconds_ago
        return DockerState(
            containers=0 if seen is None else seen.containers,
            endpoints=0 if seen is None else seen.endpoints,
            seen_seconds_ago=None if ago is None else round(ago, 1),
            problem=self._discovery.problem,
        )

    async def _record(self, written: Written) -> None:
        """A change is in force whether it could be written down or not: an endpoint that is gone must not stay."""
        verb = "create" if written.before is None else "delete" if written.after is None else "update"
        record = AuditRecord(
            time=datetime.now(UTC).isoformat(timespec="microseconds"),
            id=str(uuid4()),
            user="dnsguard",
            groups=(),
            source="docker",
            agent=DOCKER,
            uri="",
            verb=verb,
            group=PROJECTCALICO.partition("/")[0],
            resource=written.key.plural,
            namespace=written.key.namespace,
            name=written.key.name,
            code=200,
            before=shown(written.before),
            after=shown(written.after),
            revision=written.revision,
        )
        await self._audit.record(record)
