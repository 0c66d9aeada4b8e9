"""Where the kernel would send a packet: its own answer from the routing table, rules and all."""

import errno
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from types import TracebackType
from typing import Self

Address = IPv4Address | IPv6Address

_UNICAST, _LOCAL, _BROADCAST, _MULTICAST = 1, 2, 3, 5  # rtm_type, linux/rtnetlink.h
_NO_WAY = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EACCES, errno.EINVAL)
"""No route, and routes of the types unreachable, prohibit and blackhole."""


@dataclass(frozen=True, slots=True)
class Route:
    """What the kernel says about one packet."""

    interface: str
    """It leaves by this one; empty where it ends here."""

    local: bool = False
    """It ends on this machine."""


class RoutingTable:
    """The kernel's routing table, for as long as it is entered. Blocks for moments. Raises OSError."""

    def __enter__(self) -> Self:
        from pyroute2 import IPRoute  # a fifth of the controller's start-up time, and seldom needed

        self._kernel = IPRoute()
        self._names: dict[int, str] = {link["index"]: link.get("ifname") for link in self._kernel.get_links()}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._kernel.close()

    def route(self, destination: Address, source: Address | None = None, arrives: str = "") -> Route | None:
        """The route of a packet; None where there is none, or it forbids the packet.

        With ``source`` and ``arrives`` that of a packet which comes in by an interface. Where that is not known, or the
        kernel would not take such a packet there, that of one which the machine itself sends.
        """
        index = next((number for number, name in self._names.items() if arrives and name == arrives), None)
        if index is not None and source is not None:
            try:
                return self._asked(dst=str(destination), src=str(source), iif=index)
            except OSError:  # no such packet, says the kernel: forwarding is off, or the source is out of place
                pass
        try:
            return self._asked(dst=str(destination))
        except OSError as error:
            if error.errno in _NO_WAY:
                return None
            raise

    def _asked(self, **question: object) -> Route | None:
        from pyroute2.netlink.exceptions import NetlinkError

        try:
            answers = list(self._kernel.route("get", **question))
        except NetlinkError as error:
            raise OSError(error.code, errno.errorcode.get(error.code, "the kernel refuses")) from error
        for answer in answers:
            if answer["type"] in (_LOCAL, _BROADCAST):
                return Route("", local=True)
            if answer["type"] in (_UNICAST, _MULTICAST):
                return Route(self._names.get(answer.get("oif"), ""))
        return None
