"""FelixConfiguration: what nodes do, as far as Calico's configuration resource says it."""

from enum import Enum, StrEnum
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import Field, PlainValidator, StrictBool, StrictInt, StrictStr

from dnsguard.resources.durations import DurationField
from dnsguard.resources.metadata import SUBDOMAIN
from dnsguard.resources.model import AS_TEXT, Model
from dnsguard.resources.nets import RuleNet
from dnsguard.resources.ports import MAX_PORT
from dnsguard.resources.problems import refused
from dnsguard.resources.resource import NameRule, Resource
from dnsguard.resources.servers import TrustedServerField

DEFAULT = "default"
"""The object that holds for every node."""
NODE_PREFIX = "node."
"""Before the name of a node: the object that holds for this one, and overrides the default."""

_Choice = TypeVar("_Choice", bound=Enum)


class DnsPolicyMode(StrEnum):
    """What waits for what, between a DNS answer and the connection that follows it."""

    DELAY_DENIED_PACKET = "DelayDeniedPacket"
    DELAY_DNS_RESPONSE = "DelayDNSResponse"
    INLINE = "Inline"
    NO_DELAY = "NoDelay"


class NftablesDnsPolicyMode(StrEnum):
    """The modes of an nftables data plane."""

    DELAY_DENIED_PACKET = "DelayDeniedPacket"
    DELAY_DNS_RESPONSE = "DelayDNSResponse"
    NO_DELAY = "NoDelay"


class BpfDnsPolicyMode(StrEnum):
    """The modes of an eBPF data plane."""

    INLINE = "Inline"
    NO_DELAY = "NoDelay"


class EndpointToHostAction(StrEnum):
    """What becomes of a workload's packets to its own host once its policy allowed them."""

    DROP = "Drop"
    ACCEPT = "Accept"
    RETURN = "Return"


class DropAction(StrEnum):
    """What a denial does."""

    DROP = "Drop"
    ACCEPT = "Accept"
    LOG_AND_DROP = "LogAndDrop"
    LOG_AND_ACCEPT = "LogAndAccept"


class DenyAction(StrEnum):
    """How a packet is denied."""

    DROP = "Drop"
    REJECT = "Reject"


class AllowAction(StrEnum):
    """Who decides after an Allow: nobody, or the host's own rules."""

    ACCEPT = "Accept"
    RETURN = "Return"


def _choice(values: type[_Choice]) -> PlainValidator:
    names = [str(value.value) for value in values]

    def read(value: Any) -> _Choice:
        try:
            return values(value)
        except ValueError:
            close = [name for name in names if name.lower() == str(value).lower()]
            hint = f"; did you mean {close[0]}?" if close else ""
            raise refused("type", f"{value!r} is none of {', '.join(names)}{hint}") from None

    return PlainValidator(read)


class FailsafeProtocol(StrEnum):
    """The protocols of failsafe ports."""

    TCP = "TCP"
    UDP = "UDP"


def _read_failsafe_protocol(value: Any) -> FailsafeProtocol:
    try:
        return FailsafeProtocol(str(value).upper())
    except ValueError:
        raise refused("V-31", f"{value!r} is no protocol of a failsafe port: write TCP or UDP") from None


def _read_port(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_PORT:
        raise refused("V-48", f"{value!r} is no port: write a number from 1 to {MAX_PORT}")
    return value


class FailsafeEntry(Model):
    """A port of the host that no policy closes."""

    protocol: Annotated[FailsafeProtocol, PlainValidator(_read_failsafe_protocol), AS_TEXT] = FailsafeProtocol.TCP
    port: Annotated[int, PlainValidator(_read_port)]
    net: RuleNet | None = None
    """The remote addresses it is open to; None for all."""


_Queue = Annotated[StrictInt, Field(ge=0, le=65_535)]
_Count = Annotated[StrictInt, Field(ge=0)]
_Lists = tuple[FailsafeEntry, ...]


class FelixConfigurationSpec(Model):
    """What is written; None is what is not. Keys are read in any case and written in this one (D-29)."""

    dns_trusted_servers: tuple[TrustedServerField, ...] | None = None
    dns_policy_mode: Annotated[DnsPolicyMode, _choice(DnsPolicyMode), AS_TEXT] | None = None
    nftables_dns_policy_mode: Annotated[NftablesDnsPolicyMode, _choice(NftablesDnsPolicyMode), AS_TEXT] | None = Field(
        default=None, alias="nftablesDNSPolicyMode"
    )
    bpf_dns_policy_mode: Annotated[BpfDnsPolicyMode, _choice(BpfDnsPolicyMode), AS_TEXT] | None = Field(
        default=None, alias="bpfDNSPolicyMode"
    )
    dns_extra_ttl: DurationField | None = Field(default=None, alias="dnsExtraTTL")
    dns_cache_file: StrictStr | None = None
    dns_cache_save_interval: DurationField | None = None
    dns_cache_epoch: StrictInt | None = None
    dns_policy_nfqueue_id: _Queue | None = Field(default=None, alias="dnsPolicyNfqueueID")
    dns_policy_nfqueue_size: _Queue | None = None
    dns_packets_nfqueue_id: _Queue | None = Field(default=None, alias="dnsPacketsNfqueueID")
    dns_packets_nfqueue_size: _Queue | None = None
    dns_packets_nfqueue_max_hold_duration: DurationField | None = None
    dns_logs_file_enabled: StrictBool | None = None
    dns_logs_file_directory: StrictStr | None = None
    dns_logs_file_max_files: _Count | None = None
    dns_logs_file_max_file_size_mb: _Count | None = Field(default=None, alias="dnsLogsFileMaxFileSizeMB")
    dns_logs_flush_interval: DurationField | None = None
    dns_logs_file_aggregation_kind: Annotated[StrictInt, Field(ge=0, le=1)] | None = None
    dns_logs_file_include_labels: StrictBool | None = None
    dns_logs_file_per_node_limit: _Count | None = None
    dns_logs_latency: StrictBool | None = None
    windows_dns_cache_file: StrictStr | None = None
    windows_dns_extra_ttl: DurationField | None = Field(default=None, alias="windowsDnsExtraTTL")
    failsafe_inbound_host_ports: _Lists | None = None
    """None: the ports that are failsafe by default; empty: none is."""
    failsafe_outbound_host_ports: _Lists | None = None
    default_endpoint_to_host_action: Annotated[EndpointToHostAction, _choice(EndpointToHostAction), AS_TEXT] | None = (
        None
    )
    drop_action_override: Annotated[DropAction, _choice(DropAction), AS_TEXT] | None = None
    nftables_filter_deny_action: Annotated[DenyAction, _choice(DenyAction), AS_TEXT] | None = None
    nftables_filter_allow_action: Annotated[AllowAction, _choice(AllowAction), AS_TEXT] | None = None
    nftables_mangle_allow_action: Annotated[AllowAction, _choice(AllowAction), AS_TEXT] | None = None


class FelixConfiguration(Resource):
    """The configuration of every node (`default`) or of one (`node.<its name>`)."""

    NAME: ClassVar[NameRule] = NameRule(
        "V-01",
        rf"{DEFAULT}|node\.{SUBDOMAIN}",
        253 + len(NODE_PREFIX),
        "default, or node. and the name of the node; one of another name would have no effect",
    )

    kind: Literal["FelixConfiguration"]
    spec: FelixConfigurationSpec = FelixConfigurationSpec()

    @property
    def node(self) -> str:
        """The node it is for; empty for every node."""
        return self.name.removeprefix(NODE_PREFIX) if self.name != DEFAULT else ""
