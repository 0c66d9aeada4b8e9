"""FelixConfiguration: what nodes do, as far as Calico's configuration resource says it."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, JsonValue, PlainValidator, StrictBool, StrictStr

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
from dnsguard.resources.felixfields import KEPT, unsupported
from dnsguard.resources.metadata import MAX_NAME, SUBDOMAIN
from dnsguard.resources.model import AS_TEXT, Model
from dnsguard.resources.nets import RuleNet
from dnsguard.resources.numbers import whole_number
from dnsguard.resources.ports import PortNumber
from dnsguard.resources.problems import Problem, refused
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


class FailsafeEntry(Model):
    """A port of the host that no policy closes."""

    protocol: Annotated[FailsafeProtocol, PlainValidator(_read_protocol), AS_TEXT] = FailsafeProtocol.TCP
    port: PortNumber
    net: RuleNet | None = None
    """The remote addresses it is open to; None for all."""


_FailsafeEntries = Annotated[tuple[FailsafeEntry, ...], Field(max_length=MAX_FAILSAFE)]
_Queue = Annotated[int, whole_number(0, 65_535)]
_Count = Annotated[int, whole_number(0)]


class FelixConfigurationSpec(Model):
    """What is written; None is what is not. Keys are read in any case, and are written in this one (D-29).

    `model_extra` holds the fields that are kept without effect, as they are written.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, JsonValue] = Field(init=False)

    dns_trusted_servers: tuple[TrustedServerField, ...] | None = None
    dns_policy_mode: DnsPolicyModeField | None = None
    nftables_dns_policy_mode: NftablesDnsPolicyModeField | None = Field(default=None, alias="nftablesDNSPolicyMode")
    bpf_dns_policy_mode: BpfDnsPolicyModeField | None = Field(default=None, alias="bpfDNSPolicyMode")
    dns_extra_ttl: DurationField | None = Field(default=None, alias="dnsExtraTTL")
    dns_cache_file: StrictStr | None = None
    dns_cache_save_interval: DurationField | None = None
    dns_cache_epoch: Annotated[int, whole_number(-(2**63), 2**63 - 1)] | None = None
    """Any change discards what was learned."""
    dns_policy_nfqueue_id: _Queue | None = Field(default=None, alias="dnsPolicyNfqueueID")
    dns_policy_nfqueue_size: _Queue | None = None
    dns_packets_nfqueue_id: _Queue | None = Field(default=None, alias="dnsPacketsNfqueueID")
    dns_packets_nfqueue_size: _Queue | None = None
    dns_packets_nfqueue_max_hold_duration: DurationField | None = None
    """How long an answer waits for its addresses at most."""
    dns_logs_file_enabled: StrictBool | None = None
    dns_logs_file_directory: StrictStr | None = None
    dns_logs_file_max_files: _Count | None = None
    dns_logs_file_max_file_size_mb: _Count | None = Field(default=None, alias="dnsLogsFileMaxFileSizeMB")
    dns_logs_flush_interval: DurationField | None = None
    dns_logs_file_aggregation_kind: Annotated[int, whole_number(0, 1)] | None = None
    dns_logs_file_include_labels: StrictBool | None = None
    dns_logs_file_per_node_limit: _Count | None = None
    dns_logs_latency: StrictBool | None = None
    windows_dns_cache_file: StrictStr | None = None
    windows_dns_extra_ttl: DurationField | None = Field(default=None, alias="windowsDnsExtraTTL")
    failsafe_inbound_host_ports: _FailsafeEntries | None = None
    """None for the built-in list; an empty one opens no port."""
    failsafe_outbound_host_ports: _FailsafeEntries | None = None
    default_endpoint_to_host_action: EndpointToHostField | None = None
    allow_vxlan_packets_from_workloads: StrictBool | None = Field(default=None, alias="allowVXLANPacketsFromWorkloads")
    allow_ipip_packets_from_workloads: StrictBool | None = Field(default=None, alias="allowIPIPPacketsFromWorkloads")
    drop_action_override: DropActionField | None = None
    nftables_filter_deny_action: DenyActionField | None = None
    nftables_filter_allow_action: AllowActionField | None = None
    nftables_mangle_allow_action: AllowActionField | None = None

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

    @property
    def node(self) -> str:
        """The node that it is for; empty for every node."""
        return "" if self.name == DEFAULT else self.name.removeprefix(NODE_PREFIX)
