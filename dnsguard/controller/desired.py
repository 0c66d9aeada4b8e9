"""What a state of the store asks for, of the kernel and of forwarders."""

from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from dnsguard.calc.compiled import Compiled
from dnsguard.dataplane.settings import Settings as PlanSettings
from dnsguard.link.messages import Snapshot
from dnsguard.resources import Resource
from dnsguard.settings.effective import Effective

Plan = TypeVar("Plan")


@dataclass(frozen=True, slots=True)
class Desired(Generic[Plan]):
    """What one state of the store asks for."""

    revision: int
    """Of the store."""

    compiled: Compiled
    plan: Plan
    snapshot: Snapshot
    resources: tuple[Resource, ...] = ()
    """What it was made from: policy as it was written."""

    configuration: Effective | None = None
    """Of the node, from settings and resources."""

    surroundings: PlanSettings = field(default_factory=PlanSettings)
    """What the plan was made for, besides policy."""


class Compute(Protocol[Plan]):
    """Resources, and where forwarders listen → what to enforce. Called in a worker thread."""

    def __call__(self, resources: tuple[Resource, ...], listen: frozenset[str], revision: int) -> Desired[Plan]: ...
