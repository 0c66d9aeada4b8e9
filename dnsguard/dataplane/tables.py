"""The table and, where workloads are behind ports of bridges, the one of family ``bridge`` beside it."""

from dnsguard.dataplane.bridging import without
from dnsguard.dataplane.driver import Driver
from dnsguard.dataplane.rules import BridgeIn, Plan
from dnsguard.netlink.probe import has_family, sees_bridges
from dnsguard.netlink.socket import FamilySocket

_NO_FAMILY = (
    "this kernel has no nftables of family bridge (CONFIG_NF_TABLES_BRIDGE): workloads behind bridges are cut off"
)
_NO_BRIDGE_NAMES = (
    "workload_bridges: this kernel does not tell which bridge a port is of (CONFIG_NFT_BRIDGE_META), so a port that is"
    " new there is closed once it is heard of, 20 ms later; until then it reaches only others as new as itself"
)


class Tables:
    """Does to both what a `Driver` does to one; in the same thread.

    The bridge's is changed first: what it has not marked as checked is dropped by the other. So between the two, a
    workload that is new is closed, and what was in force stays so.
    """

    def __init__(self, table: Driver, socket: FamilySocket, foundation: Plan) -> None:
        """``socket``: for tables of family ``bridge``; ``foundation``: the plan of no policy at all."""
        self._table = table
        self._socket = socket
        self._foundation = foundation
        self._made: Driver | None = None
        self._usable: bool | None = None
        self._sees_bridges = True
        self._given: tuple[Plan, Plan] | None = None
        """The last plan of the table beside, and what the kernel can do of it."""

        self._may_be_there = True
        """An earlier run may have left it."""

        self._is_ours = False
        """It is as a plan of this run says."""

        self.problems: tuple[str, ...] = ()
        """Why workloads behind bridges are cut off, or not all of them are; none when all is well."""

    def open(self) -> None:
        self._table.open()
        if self._foundation.beside is None or self._wanted(self._foundation) is not None:
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

    @property
    def _beside(self) -> Driver:
        """Of the table of family ``bridge``."""
        if self._made is None:
            closed = self._wanted(self._foundation) or Plan(self._foundation.table, (), (), ())
            self._made = Driver(self._socket, closed)
        return self._made

    def _wanted(self, plan: Plan) -> Plan | None:
        if plan.beside is None:
            self.problems = ()
            return None
        if self._usable is None:
            self._usable = has_family(self._socket)
            self._sees_bridges = self._usable and sees_bridges(self._socket)
        if not self._usable:
            self.problems = (_NO_FAMILY,)
            return None
        if self._given is None or self._given[0] is not plan.beside:
            can_do = plan.beside if self._sees_bridges else without(plan.beside, BridgeIn)
            self.problems = () if can_do == plan.beside else (_NO_BRIDGE_NAMES,)
            self._given = plan.beside, can_do
        return self._given[1]
