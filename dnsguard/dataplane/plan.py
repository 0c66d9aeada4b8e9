"""Compiled policy as one table. Pure."""

from dnsguard.calc.compiled import Compiled
from dnsguard.dataplane.planner import Planner
from dnsguard.dataplane.rules import Plan
from dnsguard.dataplane.settings import Settings


def build_plan(compiled: Compiled, settings: Settings) -> Plan:
    """The table that enforces ``compiled`` on this node, from nothing; `Planner` for one that asks again and again.

    With nothing compiled it is the base that keeps unknown workloads closed; that one is loaded before any other.
    """
    return Planner().plan(compiled, settings)
