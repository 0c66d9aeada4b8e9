"""The IP rule and route that keep marked packets on this machine, wherever they are going, for IPv4 and IPv6.

::

    ip rule add preference 53 fwmark 0x40000/0x40000 lookup 10053
    ip route add local default dev lo table 10053

TPROXY marks what it gives to a socket; without these, such a packet would be forwarded, and the kernel drops it.
"""

import errno
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PREFERENCE = 53
"""Before any rule that others are known to add, and after the kernel's own for local addresses (0)."""

TABLE = 10_053
_IPV6_SETTINGS = Path("/proc/sys/net/ipv6/conf/lo/disable_ipv6")
_MARK_ROUTES = Path("/proc/sys/net/ipv4/conf")
_UNICAST_ACTION, _LOCAL_ROUTE, _HOST_SCOPE = 1, 2, 254
"""FR_ACT_TO_TBL, RTN_LOCAL, RT_SCOPE_HOST of linux/fib_rules.h and linux/rtnetlink.h."""

_GONE = (errno.ENOENT, errno.ESRCH, errno.EAFNOSUPPORT, errno.EOPNOTSUPP)


@dataclass(frozen=True, slots=True)
class LocalDelivery:
    """For one bit of the packet mark. All methods block for moments and raise ``OSError`` where the kernel refuses."""

    mark: int
    preference: int = PREFERENCE
    table: int = TABLE

    def ensure(self) -> bool:
        """Make what is missing; what is there, from an earlier run too, is kept. Whether anything was missing."""
        changed = False
        with _kernel() as kernel:
            for family in _families():
                if not self._has_route(kernel, family):
                    _try(kernel.route, "replace", **self._route(family))
                    changed = True
                if not self._has_rule(kernel, family):
                    _try(kernel.rule, "add", **self._rule(family))
                    changed = True
        return changed

    def remove(self) -> bool:
        """Take all of it away; whether there was anything."""
        changed = False
        with _kernel() as kernel:
            for family in _families():
                while self._has_rule(kernel, family):
                    _try(kernel.rule, "delete", **self._rule(family))
                    changed = True
                if self._has_route(kernel, family):
                    _try(kernel.route, "delete", **self._route(family))
                    changed = True
        return changed

    def _rule(self, family: int) -> dict[str, Any]:
        return {
            "family": family,
            "priority": self.preference,
            "fwmark": self.mark,
            "fwmask": self.mark,
            "table": self.table,
            "action": _UNICAST_ACTION,
        }

    def _route(self, family: int) -> dict[str, Any]:
        return {
            "family": family,
            "type": _LOCAL_ROUTE,
            "scope": _HOST_SCOPE if family == socket.AF_INET else 0,
            "dst": "default" if family == socket.AF_INET else "::/0",
            "oif": socket.if_nametoindex("lo"),
            "table": self.table,
        }

    def _has_rule(self, kernel: Any, family: int) -> bool:
        wanted = self.preference, self.mark, self.mark, self.table
        return any(
            (rule.get("priority"), rule.get("fwmark"), rule.get("fwmask"), rule.get("table")) == wanted
            for rule in _try(kernel.get_rules, family=family) or ()
        )

    def _has_route(self, kernel: Any, family: int) -> bool:
        """Only a route to everything counts, for others may use the table too."""
        routes = _try(kernel.get_routes, family=family, table=self.table) or ()
        return any(route["type"] == _LOCAL_ROUTE and route["dst_len"] == 0 for route in routes)


def unusable() -> Iterator[str]:
    """Settings of the machine under which intercepted packets are lost, each with what to do."""
    for interface in sorted(_MARK_ROUTES.glob("*/src_valid_mark")):
        if interface.read_text().strip() == "1":
            name = interface.parent.name
            yield (
                f"net.ipv4.conf.{name}.src_valid_mark is 1, so the kernel takes intercepted packets for spoofed ones"
                " and drops them: set it to 0"
            )


def _families() -> tuple[int, ...]:
    """Those that loopback has."""
    try:
        disabled = _IPV6_SETTINGS.read_text().strip() != "0"
    except OSError:
        disabled = True
    return (socket.AF_INET,) if disabled else (socket.AF_INET, socket.AF_INET6)


def _kernel() -> Any:
    from pyroute2 import IPRoute  # a fifth of the controller's start-up time, and seldom needed

    return IPRoute()


def _try(call: Any, *arguments: object, **named: object) -> Any:
    """The answer; None where what is asked for or to be deleted is not there. Raises ``OSError``."""
    from pyroute2.netlink.exceptions import NetlinkError

    try:
        answer = call(*arguments, **named)
        return list(answer) if answer is not None else None
    except NetlinkError as error:
        if error.code in (*_GONE, errno.EEXIST):
            return None
        raise OSError(error.code, f"the kernel refuses an IP rule or route: {error}") from error
