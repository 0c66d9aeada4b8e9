"""The table and, where workloads are behind ports of bridges, the one of family ``bridge`` beside it."""

from dnsguard.dataplane.driver import Driver
from dnsguard.dataplane.rules import Plan
from dnsguard.netlink.probe import has_family
from dnsguard.netlink.socket import FamilySocket


class Tables:
    """Does to both what a `Driver` does to one; in the same thread.

    The bridge's is changed first: what it has not marked as checked is dropped by the other. So between the two, a
    workload that is new is closed, and what was in force stays so.
    """

    def __init__(self, table: Driver, socket: FamilySocket, name: str) -> None:
        """``socket``: for tables of family ``bridge``; ``name``: of that table."""
        self._table = table
        self._socket = socket
        self._beside = Driver(socket, Plan(name, (), (), ()))
        self._usable: bool | None = None
        self._may_be_there = True
        """An earlier run may have left it."""

        self._is_ours = False
        """It is as a plan of this run says."""

        self.problem = ""
        """Why workloads behind bridges are cut off; empty when all is well."""

    def open(self) -> None:
        self._table.open()
        self._beside.open()

    def judged_addresses(self) -> frozenset[str]:
        return self._table.judged_addresses()

    def apply(self, plan: Plan) -> None:
        """`prepare`, `switch` and `sweep`, lease sets kept."""
        self.prepare(plan)
        self.switch(plan)
        self.sweep(plan)

    def prepare(self, plan: Plan) -> None:
        self._table.prepare(plan)
        if (beside := self._wanted(plan)) is not None:
            self._may_be_there = True
            self._beside.prepare(beside)

    def switch(self, plan: Plan, revise: bool = False) -> None:
        if (beside := self._wanted(plan)) is not None:
            self._beside.switch(beside)
            self._is_ours = True
        self._table.switch(plan, revise)

    def sweep(self, plan: Plan, lease_sets: bool = False) -> None:
        self._table.sweep(plan, lease_sets)
        if (beside := self._wanted(plan)) is not None:
            self._beside.sweep(beside)
        elif self._may_be_there:
            self._beside.uninstall()
            self._may_be_there = self._is_ours = False

    def lost(self) -> bool:
        lost = self._table.lost()
        return (self._is_ours and self._beside.lost()) or lost

    def uninstall(self) -> None:
        self._table.uninstall()
        self._beside.uninstall()

    def _wanted(self, plan: Plan) -> Plan | None:
        if plan.beside is None:
            self.problem = ""
            return None
        if self._usable is None:
            self._usable = has_family(self._socket)
        self.problem = (
            ""
            if self._usable
            else (
                "this kernel has no nftables of family bridge (CONFIG_NF_TABLES_BRIDGE):"
                " workloads behind bridges are cut off"
            )
        )
        return plan.beside if self._usable else None
