"""The controller's metrics by name, with what each of them means."""

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from dnsguard.api.services import ReadModelUnavailable
from dnsguard.controller.counting.book import Counting
from dnsguard.controller.counting.metrics import counted
from dnsguard.controller.desired import Desired
from dnsguard.controller.enforcement import Enforcer
from dnsguard.controller.inputs import Inputs
from dnsguard.controller.readmodels import classes_of
from dnsguard.dataplane.driver import Work
from dnsguard.dataplane.rules import Plan
from dnsguard.dataplane.sets import HashSet, IntervalSet, VerdictMap
from dnsguard.link.server import ForwarderState
from dnsguard.observe.exposition import Metric, number
from dnsguard.observe.ourselves import build_info, own_process

Source = Callable[[], Iterable[Metric]]
"""Families of another part of the controller, as they are now. Returns at once."""


class LinkState(Protocol):
    """See LinkServer, which is one."""

    @property
    def forwarders(self) -> tuple[ForwarderState, ...]: ...

    @property
    def revision(self) -> int: ...

    def laggards(self, revision: int) -> tuple[str, ...]: ...


class _Sizes(NamedTuple):
    """What is in force, in numbers."""

    chains: int
    sets: int
    classes: int
    endpoints: int
    node_endpoints: int
    node_endpoints_without_address: int
    policies: int
    elements: Mapping[str, int]


class MetricsModel:
    """``dnsguard.api.services.Metrics``."""

    def __init__(
        self,
        version: str,
        inputs: Inputs,
        enforcer: Enforcer[Plan],
        link: LinkState,
        worked: Mapping[str, Work],
        counting: Counting,
        most: int,
        node: str,
        state_dir: Path,
        *sources: Source,
    ) -> None:
        """``worked``: see Driver. ``most``: series that a family about policy may have. ``node``: whose endpoints are
        ours. ``sources``: what else there is to tell."""
        self._version = version
        self._node = node
        self._state_dir = state_dir
        self._inputs = inputs
        self._enforcer = enforcer
        self._link = link
        self._worked = worked
        self._counting = counting
        self._most = most
        self._sources = sources
        self._sized: tuple[Desired[Plan], _Sizes] | None = None

    async def __call__(self) -> list[Metric]:
        found = [*self._own(), *(metric for source in self._sources for metric in source())]
        enforced = self._enforcer.enforced
        if enforced is not None:
            if self._sized is None or self._sized[0] is not enforced:
                self._sized = enforced, await asyncio.to_thread(_sizes, enforced, self._node)
            found += sizes(self._sized[1])
        found += await asyncio.to_thread(lambda: list(disk(self._state_dir)))
        try:
            page = await self._counting.page()
        except ReadModelUnavailable:
            found.append(_known(0))
        else:
            found.append(_known(1))
            found += await asyncio.to_thread(lambda: list(counted(page, self._most)))
        return found

    def _own(self) -> Iterator[Metric]:
        yield build_info(self._version)
        yield from own_process()
        yield from enforcement(self._enforcer)
        yield from work(self._worked)
        yield from store(self._inputs)
        yield from links(self._link)


def _known(value: int) -> Metric:
    return number("dnsguard_counters_known", "gauge", "Whether the kernel tells its counters: 1 or 0.", value)


def enforcement(enforcer: Enforcer[Plan]) -> Iterator[Metric]:
    """Whether what is asked for is what is in force."""
    yield number("dnsguard_in_sync", "gauge", "Whether the kernel holds what the store asks for: 1 or 0.",
                 int(enforcer.in_sync))  # fmt: skip
    yield number("dnsguard_enforcement_failing", "gauge", "Whether the last attempt to enforce failed: 1 or 0.",
                 int(bool(enforcer.problem)))  # fmt: skip
    if enforcer.enforced is not None:
        yield number("dnsguard_enforced_revision", "gauge", "Revision of the store that is in force.",
                     enforcer.enforced.revision)  # fmt: skip
        yield number("dnsguard_enforced_timestamp_seconds", "gauge",
                     "When it was put in force, in seconds since 1970.", enforcer.enforced_at)  # fmt: skip
    yield Metric(
        "dnsguard_enforcement_duration_seconds", "histogram",
        "From a new state of the store, or of what else policy depends on, until it was in force.",
        {(): enforcer.durations},
    )  # fmt: skip
    yield number("dnsguard_enforcement_failures_total", "counter",
                 "Attempts that failed, after which what was in force stayed.", enforcer.failures)  # fmt: skip
    yield number("dnsguard_table_restored_total", "counter",
                 "Times that others removed the table or parts of it, and it was made anew.",
                 enforcer.restorations.count)  # fmt: skip
    yield number("dnsguard_table_open_seconds_total", "counter",
                 "Seconds at most until what others had opened was closed again.",
                 enforcer.restorations.unnoticed_in_all)  # fmt: skip
    yield number("dnsguard_table_restoring_seconds_total", "counter",
                 "Seconds from then on until all was in force again.", enforcer.restorations.took_in_all)  # fmt: skip


def work(worked: Mapping[str, Work]) -> Iterator[Metric]:
    """What the steps of enforcing asked of the kernel."""
    for field, text in (
        ("transactions", "Transactions"),
        ("messages", "Messages"),
        ("bytes", "Bytes of messages"),
        ("seconds", "Seconds spent in the kernel"),
    ):
        yield Metric(
            f"dnsguard_dataplane_{field}_total", "counter",
            f"{text} for each step: prepare makes what new rules need, switch puts them in force, sweep deletes.",
            {(("step", step),): getattr(each, field) for step, each in worked.items()},
        )  # fmt: skip


def sizes(found: _Sizes) -> Iterator[Metric]:
    """How large the rules in force are."""
    for field, text in (
        ("chains", "Chains of the kernel's table."),
        ("sets", "Sets and maps of the kernel's table."),
        ("classes", "Distinct lists of tiers, policies and profiles."),
        ("endpoints", "Endpoints that policy is known for, those of other nodes among them."),
        ("policies", "Policies that apply to any endpoint."),
    ):
        yield number(f"dnsguard_dataplane_{field}", "gauge", text, getattr(found, field))
    yield number("dnsguard_node_endpoints", "gauge", "Endpoints of this node.", found.node_endpoints)
    yield number("dnsguard_node_endpoints_without_address", "gauge",
                 "Workloads of this node for which nothing passes, since no address of theirs is known.",
                 found.node_endpoints_without_address)  # fmt: skip
    yield Metric(
        "dnsguard_dataplane_elements", "gauge",
        "Elements of sets (single keys), of sets of ranges and of maps; without leases, which forwarders count.",
        {(("of", kind),): count for kind, count in found.elements.items()},
    )  # fmt: skip


def disk(directory: Path) -> Iterator[Metric]:
    """How much room the state directory has. Blocks. Nothing where it cannot be looked at."""
    try:
        found = os.statvfs(directory)
        used = sum(each.stat(follow_symlinks=False).st_size for each in os.scandir(directory) if each.is_file())
    except OSError:
        return
    yield number("dnsguard_state_disk_free_bytes", "gauge", "What is free on the disk of the state directory.",
                 found.f_bavail * found.f_frsize)  # fmt: skip
    yield number("dnsguard_state_disk_size_bytes", "gauge", "How large that disk is.", found.f_blocks * found.f_frsize)
    yield number("dnsguard_state_files_bytes", "gauge", "What the files in it take: store, logs, what was learned.",
                 used)  # fmt: skip


def store(inputs: Inputs) -> Iterator[Metric]:
    """What is stored."""
    yield number("dnsguard_store_revision", "gauge", "Newest revision of the store that is known.", inputs.revision)
    yield Metric(
        "dnsguard_store_objects", "gauge", "Objects stored.",
        {(("collection", collection),): count for collection, count in sorted(inputs.counts.items())},
    )  # fmt: skip
    yield number("dnsguard_store_invalid_objects", "gauge", "Those of them that are not understood.",
                 len(inputs.invalid))  # fmt: skip


def links(link: LinkState) -> Iterator[Metric]:
    """How forwarders keep up."""
    told = [state for state in link.forwarders if state.sent_revision]
    behind = max((link.revision - state.acked_revision for state in told), default=0)
    yield number("dnsguard_forwarders_connected", "gauge", "Forwarder processes on the link, workers among them.",
                 len(link.forwarders))  # fmt: skip
    yield number("dnsguard_link_revision", "gauge", "Newest revision that forwarders were told.", link.revision)
    yield number("dnsguard_link_lag_revisions", "gauge",
                 "Revisions that the slowest forwarder has yet to put in force.", max(behind, 0))  # fmt: skip
    yield number("dnsguard_link_lagging_forwarders", "gauge",
                 "Forwarders that have not put in force what they were told last.",
                 len(link.laggards(link.revision)))  # fmt: skip


def _sizes(enforced: Desired[Plan], node: str) -> _Sizes:
    plan, compiled = enforced.plan, enforced.compiled
    elements = {"keys": 0, "ranges": 0, "map": 0}
    for item in plan.sets:
        match item:
            case HashSet():
                elements["keys"] += len(item.keys)
            case IntervalSet():
                elements["ranges"] += len(item.ranges)
            case VerdictMap():
                elements["map"] += len(item.entries)
            case _:
                pass  # leases, and the sign of life: forwarders fill them
    classes = len(classes_of(compiled))
    ours = [each for each in compiled.endpoints.values() if each.is_on(node)]
    return _Sizes(
        chains=len(plan.chains),
        sets=len(plan.sets),
        classes=classes,
        endpoints=len(compiled.endpoints),
        node_endpoints=len(ours),
        node_endpoints_without_address=sum(each.is_workload and not each.addresses for each in ours),
        policies=len(compiled.policies),
        elements=elements,
    )
