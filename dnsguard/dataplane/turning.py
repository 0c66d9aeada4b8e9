"""DNS of workloads behind bridges that goes to other servers, turned round so that it comes in by loopback. Pure.

::

    ip, ip6  prerouting -89  what `interception` marked and a bridge's table checked: a copy to loopback, itself dropped

br_netfilter runs the hooks of prerouting while a packet is on its way through the bridge, and not again when the bridge
hands it to the node; which socket TPROXY has chosen is forgotten in between (``ip_rcv_core`` of Linux). The copy comes
by no bridge, so there TPROXY holds. It is the same with a bridge that does not call the hooks. No route is asked for,
nor its filter (rp_filter), and no forward hook is met, where Docker and others drop what they do not know.

The kernel has that statement for tables of one IP version only. Where such a table is missing the packet keeps its
mark, is routed to the node itself, and finds nobody there.
"""

from collections.abc import Container

from dnsguard.dataplane.rules import Chain, CopyToLoopback, Interface, Marked, Plan, Rule, Verdict, Way
from dnsguard.dataplane.setnames import BRIDGE_SET
from dnsguard.dataplane.settings import Settings
from dnsguard.netlink.nftables import Hook

FAMILIES = {"ip": 4, "ip6": 6}
PREROUTING = "turn-prerouting", Hook("filter", "prerouting", -89)


def turning_plans(settings: Settings, sets: Container[str]) -> tuple[Plan, ...]:
    """The tables; none where nothing is intercepted, or no bridge has workloads."""
    if settings.interception is None or BRIDGE_SET not in sets:
        return ()
    name, hook = PREROUTING
    by_bridge = (
        Interface(Way.IN, "lo", negated=True),
        Marked(settings.interception.mark),
        Marked(settings.checked_mark),
    )
    return tuple(
        Plan(
            settings.table,
            (),
            (),
            (Chain(name, (Rule((*by_bridge, CopyToLoopback(version), Verdict.DROP), "in by loopback"),), hook),),
            family=family,
        )
        for family, version in FAMILIES.items()
    )
