"""The choices of a FelixConfiguration, in their exact case."""

from enum import StrEnum
from typing import Annotated

from dnsguard.resources.choices import choice
from dnsguard.resources.model import AS_TEXT


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


DnsPolicyModeField = Annotated[DnsPolicyMode, choice(DnsPolicyMode, "DNS policy mode"), AS_TEXT]
NftablesDnsPolicyModeField = Annotated[NftablesDnsPolicyMode, choice(NftablesDnsPolicyMode, "DNS policy mode"), AS_TEXT]
BpfDnsPolicyModeField = Annotated[BpfDnsPolicyMode, choice(BpfDnsPolicyMode, "DNS policy mode"), AS_TEXT]
EndpointToHostField = Annotated[EndpointToHostAction, choice(EndpointToHostAction, "action"), AS_TEXT]
DropActionField = Annotated[DropAction, choice(DropAction, "action"), AS_TEXT]
DenyActionField = Annotated[DenyAction, choice(DenyAction, "action"), AS_TEXT]
AllowActionField = Annotated[AllowAction, choice(AllowAction, "action"), AS_TEXT]
