"""What the read models under ``/v1/`` return: pydantic, so that they are described at ``/docs`` as they are served.

Written in Python as ``snake_case``, served as ``camelCase``, like every other object of the API.
"""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class View(BaseModel):
    """A frozen value that the API serves or reads. Unknown fields are refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,  # what is said below a field is what OpenAPI says of it
    )


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


class NameAlias(View):
    """Another name that a name is an alias for."""

    target: str
    seconds_left: float


class NameAddress(View):
    """An address that a name leads to."""

    address: str
    seconds_left: float
    """Until the name has to be looked up again."""


class NameClientState(View):
    """What one client knows of a name."""

    client: str
    """Endpoint, or the address of a client that is no known endpoint; ``node`` for look-ups that count for all."""

    aliases: tuple[NameAlias, ...] = ()
    addresses: tuple[NameAddress, ...] = ()
    """Through aliases, too."""

    sets: tuple[str, ...] = ()
    """Lease sets that its look-ups of the name feed; none where no policy of it asks for the name."""


class NameState(View):
    """A name that was learned."""

    name: str
    clients: tuple[NameClientState, ...]
    clients_left_out: int = 0
    """How many more know it."""


class NameStates(View):
    """Answer of ``GET /v1/names``, in the order of the names."""

    names: tuple[NameState, ...]
    truncated: bool = False
    """There are more names than were asked for."""


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


class DockerState(View):
    """Discovery of containers."""

    containers: int = 0
    """That run."""

    endpoints: int = 0
    """That they are, one for each network."""

    seen_seconds_ago: float | None = None
    """Since Docker was last asked for all it has, and answered; ``null`` where it has not yet."""

    problem: str = ""
    """Why it does not answer, or is not understood: what it told last stays in force."""


class StatusReport(View):
    """Answer of ``GET /v1/status``."""

    version: str
    ready: bool
    """Everything enforces and answers; else ``problems`` says what does not."""

    enforcing: str = ""
    """How and when it was proven last that the kernel does what policy asks for; empty where it is not."""

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
    docker: DockerState | None = None
    """``null`` where containers are not discovered."""
