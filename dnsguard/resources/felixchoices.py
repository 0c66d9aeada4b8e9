"""The choices of a FelixConfiguration, in their exact case."""

from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import PlainValidator

from dnsguard.resources.model import AS_TEXT
from dnsguard.resources.problems import refused


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
    """What a denial does; those that accept turn enforcement off."""

    DROP = "Drop"
    ACCEPT = "Accept"
    LOG_AND_DROP = "LogAndDrop"
    LOG_AND_ACCEPT = "LogAndAccept"


class DenyAction(StrEnum):
    """Whether the sender of a denied packet is told."""

    DROP = "Drop"
    REJECT = "Reject"


class AllowAction(StrEnum):
    """Who decides after an Allow: nobody, or the host's own rules."""

    ACCEPT = "Accept"
    RETURN = "Return"


_Choice = TypeVar("_Choice", bound=StrEnum)


def _reader(choices: type[_Choice]) -> PlainValidator:
    def read(value: Any) -> _Choice:
        try:
            return choices(value)
        except ValueError:
            close = [choice.value for choice in choices if choice.value.lower() == str(value).lower()]
            hint = f"; did you mean {close[0]}?" if close else ""
            raise refused("type", f"{value!r} is none of {', '.join(choices)}{hint}") from None

    return PlainValidator(read)


DnsPolicyModeField = Annotated[DnsPolicyMode, _reader(DnsPolicyMode), AS_TEXT]
NftablesDnsPolicyModeField = Annotated[NftablesDnsPolicyMode, _reader(NftablesDnsPolicyMode), AS_TEXT]
BpfDnsPolicyModeField = Annotated[BpfDnsPolicyMode, _reader(BpfDnsPolicyMode), AS_TEXT]
EndpointToHostField = Annotated[EndpointToHostAction, _reader(EndpointToHostAction), AS_TEXT]
DropActionField = Annotated[DropAction, _reader(DropAction), AS_TEXT]
DenyActionField = Annotated[DenyAction, _reader(DenyAction), AS_TEXT]
AllowActionField = Annotated[AllowAction, _reader(AllowAction), AS_TEXT]
