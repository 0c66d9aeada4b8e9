"""FelixConfiguration: what nodes do, as far as Calico's configuration resource says it."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, GetJsonSchemaHandler, JsonValue, StrictBool, StrictStr
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from dnsguard.resources.durations import DurationField
from dnsguard.resources.felixchoices import (
    AllowActionField,
    BpfDnsPolicyModeField,
    DenyActionField,
    DnsPolicyModeField,
    DropActionField,
    EndpointToHostField,
    NftablesDnsPolicyModeField,
)
from dnsguard.resources.felixfields import IDLE, KEPT, unsupported
from dnsguard.resources.metadata import MAX_NAME, SUBDOMAIN
from dnsguard.resources.model import AS_TEXT, Model
from dnsguard.resources.nets import RuleNet
from dnsguard.resources.numbers import whole_number
from dnsguard.resources.ports import PortNumber
from dnsguard.resources.problems import Problem, refused
from dnsguard.resources.reading import reads, string
from dnsguard.resources.resource import NameRule, Resource
from dnsguard.resources.servers import TrustedServerField

DEFAULT = "default"
"""The object that holds for every node."""

NODE_PREFIX = "node."
"""Before the name of a node: the object that holds for this one, and goes before the default."""


class FailsafeProtocol(StrEnum):
    """The protocols of failsafe ports."""

    TCP = "TCP"
    UDP = "UDP"


def _read_protocol(value: Any) -> FailsafeProtocol:
    try:
        return FailsafeProtocol(str(value).upper())
    except ValueError:
        raise refused("V-31", f"{value!r} is no protocol of a failsafe port: write TCP or UDP") from None


MAX_FAILSAFE = 1024
"""Each entry is a rule at every stage of every host endpoint."""


_PROTOCOL = string("[Tt][Cc][Pp]|[Uu][Dd][Pp]")


class FailsafeEntry(Model):
    """A port of the host that no policy closes."""

    protocol: Annotated[FailsafeProtocol, reads(_read_protocol, _PROTOCOL), AS_TEXT] = FailsafeProtocol.TCP
    """TCP or UDP."""
    port: PortNumber
    """1 to 65535."""
    net: RuleNet | None = None
    """The remote addresses it is open to; absent for all."""


_FailsafeEntries = Annotated[tuple[FailsafeEntry, ...], Field(max_length=MAX_FAILSAFE)]
_Queue = Annotated[int, whole_number(0, 65_535)]
_Count = Annotated[int, whole_number(0)]


_KEPT = "A field of Calico's that is kept as it is written, and has no effect."


class FelixConfigurationSpec(Model):
    """What nodes do. Keys are read in any case, and are written in this one (D-29)."""

    # `model_extra` holds the fields that are kept without effect, as they are written.
    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, JsonValue] = Field(init=False)

    dns_trusted_servers: tuple[TrustedServerField, ...] | None = None
    """DNS servers whose answers open addresses: an address, `ADDRESS:PORT`, or `k8s-service:NAMESPACE/NAME:PORT`."""
    dns_policy_mode: DnsPolicyModeField | None = None
    """What waits for what, between a DNS answer and the connection that follows it."""
    nftables_dns_policy_mode: NftablesDnsPolicyModeField | None = Field(default=None, alias="nftablesDNSPolicyMode")
    """The same; it goes before dnsPolicyMode."""
    bpf_dns_policy_mode: BpfDnsPolicyModeField | None = Field(default=None, alias="bpfDNSPolicyMode")
    """The mode of an eBPF data plane."""
    dns_extra_ttl: DurationField | None = Field(default=None, alias="dnsExtraTTL")
    """How long an address stays open beyond the TTL of the answer that led to it."""
    dns_cache_file: StrictStr | None = None
    """Where what was learned is kept."""
    dns_cache_save_interval: DurationField | None = None
    """How often what was learned is written to disk."""
    dns_cache_epoch: Annotated[int, whole_number(-(2**63), 2**63 - 1)] | None = None
    """Any change discards what was learned."""
    dns_policy_nfqueue_id: _Queue | None = Field(default=None, alias="dnsPolicyNfqueueID")
    """Number of a queue."""
    dns_policy_nfqueue_size: _Queue | None = None
    """Packets that a queue holds."""
    dns_packets_nfqueue_id: _Queue | None = Field(default=None, alias="dnsPacketsNfqueueID")
    """Number of a queue."""
    dns_packets_nfqueue_size: _Queue | None = None
    """Packets that a queue holds."""
    dns_packets_nfqueue_max_hold_duration: DurationField | None = None
    """How long an answer waits for its addresses at most."""
    dns_logs_file_enabled: StrictBool | None = None
    """Whether the DNS log is written to a file."""
    dns_logs_file_directory: StrictStr | None = None
    """The folder of the DNS log."""
    dns_logs_file_max_files: _Count | None = None
    """How many files of the DNS log are kept."""
    dns_logs_file_max_file_size_mb: _Count | None = Field(default=None, alias="dnsLogsFileMaxFileSizeMB")
    """How large a file of the DNS log grows, in megabytes."""
    dns_logs_flush_interval: DurationField | None = None
    """How often the DNS log is written."""
    dns_logs_file_aggregation_kind: Annotated[int, whole_number(0, 1)] | None = None
    """0 or 1: how much of the DNS log is told together."""
    dns_logs_file_include_labels: StrictBool | None = None
    """Whether the DNS log has the labels of endpoints."""
    dns_logs_file_per_node_limit: _Count | None = None
    """How many records of the DNS log a node writes at a time."""
    dns_logs_latency: StrictBool | None = None
    """Whether the DNS log says how long answers took."""
    windows_dns_cache_file: StrictStr | None = None
    """Where Windows nodes keep what was learned."""
    windows_dns_extra_ttl: DurationField | None = Field(default=None, alias="windowsDnsExtraTTL")
    """As dnsExtraTTL, on Windows."""
    failsafe_inbound_host_ports: _FailsafeEntries | None = None
    """Ports of the host that no policy closes. Absent for the built-in list; an empty one opens no port."""
    failsafe_outbound_host_ports: _FailsafeEntries | None = None
    """Ports elsewhere that no policy closes to the host. Absent for the built-in list; an empty one opens no port."""
    default_endpoint_to_host_action: EndpointToHostField | None = None
    """What becomes of a workload's packets to its own host once its policy allowed them."""
    allow_vxlan_packets_from_workloads: StrictBool | None = Field(default=None, alias="allowVXLANPacketsFromWorkloads")
    """Whether workloads may send VXLAN packets."""
    allow_ipip_packets_from_workloads: StrictBool | None = Field(default=None, alias="allowIPIPPacketsFromWorkloads")
    """Whether workloads may send IP-in-IP packets."""
    drop_action_override: DropActionField | None = None
    """What a denial does. `Accept` and `LogAndAccept` turn enforcement off."""
    nftables_filter_deny_action: DenyActionField | None = None
    """Whether the sender of a denied packet is told."""
    nftables_filter_allow_action: AllowActionField | None = None
    """Who decides after an Allow: nobody, or the host's own rules."""
    nftables_mangle_allow_action: AllowActionField | None = None
    """Who decides after an Allow before routing: nobody, or the host's own rules."""

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """With the fields that are kept, what has no effect, and room for keys in other spellings."""
        made = handler.resolve_ref_schema(handler(schema))
        fields = made["properties"]
        for name, why in IDLE.items():
            fields[name] = fields[name] | {"description": f"{fields[name]['description']} It has no effect: {why}."}
        made["properties"] = fields | {name: {"description": _KEPT} for name in sorted(KEPT)}
        return made | {"additionalProperties": True}

    @classmethod
    def _known_fields(cls, data: Mapping[Any, Any]) -> tuple[list[Problem], dict[str, Any]]:
        """In canonical spelling. A key that stands there twice in different spellings is an error."""
        canonical = _canonical_names()
        spelt: dict[str, str] = {}
        problems: list[Problem] = []
        named: dict[Any, Any] = {}
        for key, value in data.items():
            name = canonical.get(str(key).lower(), key)
            first = spelt.setdefault(name, str(key))
            if first != str(key):
                problems.append(Problem((name,), "D-29", f"is written twice, as {first} and {key}: write one of them"))
            named.setdefault(name, value)
        kept = {name: named.pop(name) for name in list(named) if name in KEPT}
        found, known = super()._known_fields(named)
        return [*problems, *found], {**known, **kept}

    @classmethod
    def unknown_field(cls, key: str) -> str:
        """Calico's own fields that dnsguard refuses are named as such."""
        return unsupported(key) or super().unknown_field(key)


def _canonical_names() -> dict[str, str]:
    return {name.lower(): name for name in (*FelixConfigurationSpec.field_names(), *KEPT)}


def other_spellings(spec: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    """Keys of an unchecked spec that are not written as they are kept, each with its canonical spelling."""
    canonical = _canonical_names()
    for key in spec:
        name = canonical.get(str(key).lower(), key)
        if name != key:
            yield str(key), name


class FelixConfiguration(Resource):
    """The configuration of every node (`default`), or of one (`node.` and its name).

    Any other name is refused: such an object would have no effect, and its author would think it had.
    """

    NAME: ClassVar[NameRule] = NameRule(
        "V-01",
        rf"{DEFAULT}|node\.{SUBDOMAIN}",
        MAX_NAME,
        "write default, or node. and the name of a node; others would have no effect",
    )

    kind: Literal["FelixConfiguration"]
    spec: FelixConfigurationSpec = FelixConfigurationSpec()
    """What is set; what is absent keeps its default, or what dnsguard's own configuration says."""

    @property
    def node(self) -> str:
        """The node that it is for; empty for every node."""
        return "" if self.name == DEFAULT else self.name.removeprefix(NODE_PREFIX)
