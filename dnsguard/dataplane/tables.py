"""The table and, where workloads are behind ports of bridges, those of other families beside it."""

from collections.abc import Iterator, Mapping

from dnsguard.dataplane.bridging import opening_nothing, without
from dnsguard.dataplane.driver import Driver
from dnsguard.dataplane.rules import BridgeIn, Plan
from dnsguard.netlink.probe import NOT_IN_KERNEL, has_family, sees_bridges
from dnsguard.netlink.socket import FamilySocket, NetlinkError

_NO_FAMILY = (
    "this kernel has no nftables of family bridge (CONFIG_NF_TABLES_BRIDGE): workloads behind bridges are cut off"
)
_NO_COPIES = (
    "intercept_dns: this kernel copies no packets (CONFIG_NFT_DUP_IPV4, CONFIG_NFT_DUP_IPV6), so what workloads behind"
    " bridges ask other servers goes nowhere: have them ask an address where dnsguard listens"
)
_NO_BRIDGE_NAMES = (
    "workload_bridges: this kernel does not tell which bridge a port is of (CONFIG_NFT_BRIDGE_META), so a port that is"
    " new there is closed once it is heard of, 20 ms later; until then it reaches only others as new as itself"
)


class Tables:
    """Does to all what a `Driver` does to one; in the same thread.

    The bridge's closes first, and opens last: what it has not marked as checked is dropped by the other, and what it
    has marked passes there if no policy is known for its address. So between the two, a workload that is new is
    closed, and so is one that goes.
    """

    def __init__(
        self, table: Driver, socket: FamilySocket, foundation: Plan, turning: Mapping[str, FamilySocket] = {}
    ) -> None:
        """``socket``: for tables of family ``bridge``; ``foundation``: the plan of no policy at all; ``turning``: for
        those of other families that go with a plan. Where they are not given, such tables are left out."""
        self._table = table
        self._socket = socket
        self._foundation = foundation
        self._made: Driver | None = None
        self._turning = {
            family: _Turning(Driver(each, Plan(foundation.table, (), (), ()))) for family, each in turning.items()
        }
        self._usable: bool | None = None
        self._sees_bridges = True
        self._given: tuple[Plan, Plan] | None = None
        """The last plan of the table beside, and what the kernel can do of it."""

        self._may_be_there = True
        """An earlier run may have left it."""

        self._is_ours = False
        """It is as a plan of this run says."""

        self._switched: Plan | None = None
        """As which plan; None where that is not known."""

        self._bridge_problems: tuple[str, ...] = ()

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
        for wanted, turning in self._turned(plan):
            turning.apply(wanted)

    def switch(self, plan: Plan, revise: bool = False) -> None:
        beside = self._wanted(plan)
        first = beside
        if beside is not None:
            if self._switched is not None:
                first = opening_nothing(beside, self._switched)
            self._beside.switch(first or beside)
            self._is_ours = True
        self._table.switch(plan, revise)
        if beside is not None and first is not beside:
            self._beside.switch(beside)
        self._switched = beside

    def sweep(self, plan: Plan, lease_sets: bool = False) -> None:
        self._table.sweep(plan, lease_sets)
        if (beside := self._wanted(plan)) is not None:
            self._beside.sweep(beside)
        elif self._may_be_there:
            self._beside.uninstall()
            self._may_be_there = self._is_ours = False
        for wanted, turning in self._turned(plan):
            turning.sweep(wanted)

    def lost(self) -> bool:
        lost = self._table.lost()
        lost = any(turning.lost() for turning in self._turning.values()) or lost
        return (self._is_ours and self._beside.lost()) or lost

    def uninstall(self) -> None:
        self._table.uninstall()
        self._beside.uninstall()
        for turning in self._turning.values():
            turning.sweep(None)

    @property
    def problems(self) -> tuple[str, ...]:
        """Why workloads behind bridges are cut off, or not all of them are; none when all is well."""
        refused = {turning.problem for turning in self._turning.values()} - {""}
        return (*self._bridge_problems, *sorted(refused))

    def _turned(self, plan: Plan) -> Iterator[tuple[Plan | None, "_Turning"]]:
        of_family = {each.family: each for each in plan.turning}
        return ((of_family.get(family), turning) for family, turning in self._turning.items())

    @property
    def _beside(self) -> Driver:
        """Of the table of family ``bridge``."""
        if self._made is None:
            closed = self._wanted(self._foundation) or Plan(self._foundation.table, (), (), ())
            self._made = Driver(self._socket, closed)
        return self._made

    def _wanted(self, plan: Plan) -> Plan | None:
        if plan.beside is None:
            self._bridge_problems = ()
            return None
        if self._usable is None:
            self._usable = has_family(self._socket)
            self._sees_bridges = self._usable and sees_bridges(self._socket)
        if not self._usable:
            self._bridge_problems = (_NO_FAMILY,)
            return None
        if self._given is None or self._given[0] is not plan.beside:
            can_do = plan.beside if self._sees_bridges else without(plan.beside, BridgeIn)
            self._bridge_problems = () if can_do == plan.beside else (_NO_BRIDGE_NAMES,)
            self._given = plan.beside, can_do
        return self._given[1]


class _Turning:
    """One of the tables of `turning`. Where the kernel has not what it takes, such packets end at the node."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._may_be_there = True
        self._is_ours = False
        self.problem = ""

    def apply(self, plan: Plan | None) -> None:
        if plan is None or self.problem:
            return
        self._may_be_there = True
        try:
            self._driver.apply(plan)
            self._is_ours = True
        except NetlinkError as error:
            if error.errno not in NOT_IN_KERNEL:
                raise
            self.problem = _NO_COPIES

    def sweep(self, plan: Plan | None) -> None:
        if plan is None and self._may_be_there:
            self._driver.uninstall()
            self._may_be_there = self._is_ours = False

    def lost(self) -> bool:
        return self._is_ours and self._driver.lost()
