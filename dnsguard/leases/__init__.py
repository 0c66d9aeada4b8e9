"""Who may reach which address because of which name, and for how long.

DNS answers become edges of a graph per scope (``graph``); lease sets say which names matter to whom (``feeds``); the
book joins the two into elements of the kernel's sets (``book``). Pure: ``now`` is an argument, in seconds of one
monotonic clock; nothing here talks to the kernel. The book says what to write, and is told what was acknowledged.
"""

from dnsguard.leases.book import LeaseBook
from dnsguard.leases.changes import Changes, Element
from dnsguard.leases.feeds import Feed, LocalClient
from dnsguard.leases.scope import NODE, OUTSIDERS, Scope
from dnsguard.leases.terms import LimitReached, Limits, Terms

__all__ = [
    "NODE",
    "OUTSIDERS",
    "Changes",
    "Element",
    "Feed",
    "LeaseBook",
    "LimitReached",
    "Limits",
    "LocalClient",
    "Scope",
    "Terms",
]
