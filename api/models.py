"""What the read models under ``/v1/`` return: pydantic, so that they are described at ``/docs`` as they are served.

Written in Python as ``snake_case``, served as ``camelCase``, like every other object of the API.
"""

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class View(BaseModel):
    """A frozen value that the API serves or reads. Unknown fields are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, allow_inf_nan=False
    )


class ExplainQuery(View):
    """One connection that somebody wonders about."""

    source: str = Field(min_length=1, max_length=512)
    """Workload endpoint as ``namespace/name``, name of a host endpoint, or an IP address."""

    destination: str = Field(min_length=1, max_length=512)
    """The same, or a domain name: then the answer is for the addresses leased to the source under that name, or, where
    there are none yet, for a new address that this name would lead to."""

    protocol: str | int = "TCP"
    """``TCP``, ``UDP``, ``SCTP``, ``ICMP``, ``ICMPv6``, ``UDPLite``, or an IANA number."""

    port: int | None = Field(default=None, ge=1, le=65535)
    """Of the destination. Required for protocols that have ports."""

    source_port: int | None = Field(default=None, ge=1, le=65535)


class ExplainStep(View):
    """One rule, tier end or profile that was looked at, in the order of evaluation."""

    direction: str
    """``egress`` (of the source) or ``ingress`` (of the destination)."""

    stage: str = "normal"
    tier: str = ""
    """Empty for profiles and implicit steps."""

    policy: str = ""
    """``Kind/namespace/name``, ``Profile/name``; empty for the end of a tier."""

    rule: int | None = None
    """Index in the policy's list of that direction, from 0."""

    action: str = ""
    """What the step would do: ``Allow``, ``Deny``, ``Pass``, ``Log``."""

    matched: bool = False
    reason: str = ""
    """Why it did or did not match, in one clause."""


class Explanation(View):
    """What would happen to that connection now, and why."""

    verdict: str
    """``Allow`` or ``Deny``."""

    summary: str
    """One sentence for people."""

    source: str
    """What the question's source was taken for."""

    destination: str
    steps: tuple[ExplainStep, ...] = ()
    notes: tuple[str, ...] = ()
    """What the asker should know: the name was never looked up, the endpoint is on another node, …"""


class EndpointState(View):
    """One endpoint and how it is enforced on this node."""

    kind: str
    """``WorkloadEndpoint`` or ``HostEndpoint``."""

    namespace: str = ""
    name: str
    node: str = ""
    interface: str = ""
    addresses: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    """Effective labels."""

    policies: tuple[str, ...] = ()
    """All that apply to it, in order of evaluation, ``Kind/namespace/name``."""

    profiles: tuple[str, ...] = ()
    enforced: bool = False
    """Whether the kernel holds the rules of the newest revision for it."""

    problem: str = ""
    """Why it is not enforced; empty when all is well."""


class EndpointStates(View):
    """Answer of ``GET /v1/endpoints``."""

    endpoints: tuple[EndpointState, ...]


class LeaseState(View):
    """An address that a client may reach because of a name it looked up."""

    client: str
    """Endpoint, or the address of a client that is no known endpoint; ``node`` for node-wide leases."""

    client_address: str
    address: str
    names: tuple[str, ...] = ()
    """The chain that led there, the name that was asked first."""

    sets: tuple[str, ...] = ()
    seconds_left: float


class LeaseStates(View):
    """Answer of ``GET /v1/leases``."""

    leases: tuple[LeaseState, ...]
    truncated: bool = False
    """More leases exist than are listed."""


class ForwarderState(View):
    """One forwarder process as the controller sees it."""

    id: str
    connected: bool
    listen: tuple[str, ...] = ()
    revision: int = 0
    """Newest snapshot or delta that it said is in force."""

    problem: str = ""
    upstreams: dict[str, str] = {}
    """``ADDRESS#PORT`` → ``up`` or why not."""

    counters: dict[str, int] = {}


class ConfigurationState(View):
    """One value of the configuration in force."""

    name: str
    """As FelixConfiguration has it."""

    value: str
    origin: str
    """``setting``, ``FelixConfiguration/NAME`` or ``built-in``."""


class DataplaneState(View):
    """The kernel's table."""

    table: str = ""
    in_sync: bool = False
    """What the kernel holds is what policy asks for."""

    revision: int = 0
    """Of the store, when the rules in force were computed."""

    chains: int = 0
    sets: int = 0
    classes: int = 0
    """Distinct lists of tiers, policies and profiles; endpoints that share one share its chain."""

    problem: str = ""


class StatusReport(View):
    """Answer of ``GET /v1/status``."""

    version: str
    ready: bool
    """Everything enforces and answers; else ``problems`` says what does not."""

    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    """Things in the policy that an operator should look at."""

    store_revision: int = 0
    enforced_revision: int = 0
    objects: dict[str, int] = {}
    """Plural → how many are stored."""

    files: dict[str, str] = {}
    """What is kept where: ``state``, ``token``, ``audit``, …"""

    configuration: tuple[ConfigurationState, ...] = ()
    """What resources may say of this node, each with who says it."""

    dataplane: DataplaneState = DataplaneState()
    forwarders: tuple[ForwarderState, ...] = ()
