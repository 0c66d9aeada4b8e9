"""What a request's connection says of who is at its other end."""

from ipaddress import ip_address
from typing import Protocol, cast

from starlette.types import Scope

from dnsguard.api.services import Caller


class Connection(Protocol):
    """In ``scope["state"]["connection"]`` of each request."""

    @property
    def peer(self) -> Caller | None:
        """Whom the connection proves by itself: by a client certificate, or by the kernel at a Unix socket."""

    @property
    def is_local(self) -> bool:
        """Whether it is a Unix socket: limits are for those who come from elsewhere."""

    def known(self) -> None:
        """Somebody who may be here has sent a request over it: it is no stranger's any more."""


class Unproven:
    """A connection that says nothing."""

    peer: Caller | None = None
    is_local = False

    def known(self) -> None:
        """Makes no difference."""


_UNPROVEN = Unproven()


def connection_of(scope: Scope) -> Connection:
    """The connection that a request came by."""
    return cast("Connection", scope["state"].get("connection", _UNPROVEN))


def address_of(scope: Scope) -> str:
    """The client's address; empty where it has none."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def site_of(address: str) -> str:
    """Who is limited together: an IPv4 address, or the /64 that a site gives to one machine (RFC 4291 § 2.5.4)."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if found.version == 4:
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return found.exploded[:19]
