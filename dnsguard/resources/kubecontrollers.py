"""KubeControllersConfiguration: of what Calico's controllers do for a cluster, dnsguard makes the host endpoint of its
node. The rest is kept as it is written."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field, StrictInt, StrictStr

from dnsguard.resources.choices import choice
from dnsguard.resources.model import AS_TEXT, Model
from dnsguard.resources.problems import Problem
from dnsguard.resources.resource import NameRule, Resource

DEFAULT: Final = "default"
_ACTED_ON: Final = frozenset({"controllers", "node", "host_endpoint"})


class Switch(StrEnum):
    """Whether something is done."""

    ENABLED = "Enabled"
    DISABLED = "Disabled"


_Switch = Annotated[Switch, choice(Switch, "switch"), AS_TEXT]


class AutoHostEndpoint(Model):
    """Whether nodes have host endpoints by themselves."""

    auto_create: _Switch = Switch.DISABLED
    """Whether each node has one."""
    create_default_host_endpoint: _Switch = Switch.ENABLED
    """Whether that is one for all interfaces; without it there is none here."""
    templates: tuple[dict[str, Any], ...] | None = None
    """Further ones. They are not made here, so none may be listed."""

    def problems(self, broken: frozenset[str]) -> Iterable[Problem]:  # noqa: ARG002 - what is broken looks absent
        """Whoever lists a template counts on an endpoint."""
        if self.templates:
            yield Problem(("templates",), "limit", "are not made by dnsguard: leave them out, and write a HostEndpoint")


class NodeController(Model):
    """What is done for each node."""

    host_endpoint: AutoHostEndpoint | None = None
    """Whether it has a host endpoint by itself."""
    reconciler_period: StrictStr | None = None
    """Kept, without effect."""
    sync_labels: StrictStr | None = None
    """Kept, without effect."""
    leak_grace_period: StrictStr | None = None
    """Kept, without effect."""


class Controllers(Model):
    """What is done for the cluster, each part by itself."""

    node: NodeController | None = None
    """For each node."""
    policy: dict[str, Any] | None = None
    """Kept, without effect."""
    workload_endpoint: dict[str, Any] | None = None
    """Kept, without effect."""
    service_account: dict[str, Any] | None = None
    """Kept, without effect."""
    namespace: dict[str, Any] | None = None
    """Kept, without effect."""
    load_balancer: dict[str, Any] | None = None
    """Kept, without effect."""
    federated_services: dict[str, Any] | None = None
    """Kept, without effect."""
    policy_migration: dict[str, Any] | None = None
    """Kept, without effect."""


class KubeControllersConfigurationSpec(Model):
    """What controllers do. Only `controllers.node.hostEndpoint` has an effect here."""

    controllers: Controllers = Controllers()
    """What is done for the cluster."""
    log_severity_screen: StrictStr | None = None
    """Kept, without effect."""
    health_checks: StrictStr | None = None
    """Kept, without effect."""
    etcd_v3_compaction_period: StrictStr | None = Field(default=None, alias="etcdV3CompactionPeriod")
    """Kept, without effect."""
    prometheus_metrics_port: StrictInt | None = None
    """Kept, without effect."""
    debug_profile_port: StrictInt | None = None
    """Kept, without effect."""


class KubeControllersConfiguration(Resource):
    """The one configuration of controllers, `default`."""

    NAME: ClassVar[NameRule] = NameRule("V-01", DEFAULT, len(DEFAULT), "write default; others would have no effect")

    kind: Literal["KubeControllersConfiguration"]
    spec: KubeControllersConfigurationSpec = KubeControllersConfigurationSpec()
    """What controllers do."""
    status: dict[str, Any] | None = None
    """What Calico's controllers say of themselves. It has no effect."""

    @property
    def makes_host_endpoint(self) -> bool:
        """Whether the node has a host endpoint for all its interfaces by itself."""
        node = self.spec.controllers.node
        wanted = None if node is None else node.host_endpoint
        return wanted is not None and Switch.DISABLED not in (wanted.auto_create, wanted.create_default_host_endpoint)


def kubecontrollers_warnings(configuration: KubeControllersConfiguration) -> Iterator[str]:
    """Fields that nothing acts on."""
    spec = configuration.spec
    for field, part in (("spec", spec), ("spec.controllers", spec.controllers),
                        ("spec.controllers.node", spec.controllers.node)):  # fmt: skip
        if part is not None:
            names = {attribute: name for name, attribute in part.field_names().items()}
            idle = sorted(names[each] for each in part.model_fields_set if each not in _ACTED_ON)
            if idle:
                yield f"{field}: these fields are kept and have no effect here: {', '.join(idle)}"
