"""When another revision of policy begins."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from ipaddress import ip_address

import pytest

from dnsguard.calc.compiled import Address, Compiled
from dnsguard.controller.revoking.revoker import Revoker
from dnsguard.controller.revoking.sweeper import Policy
from dnsguard.dataplane.revision import Revision
from dnsguard.dataplane.settings import Settings
from tests.support.compiled import compiled, lease_set, workload

MASK = 0xF0
SETTINGS = Settings(mark_mask=MASK)
A, B = "10.65.0.2", "10.65.0.3"


@dataclass(frozen=True)
class State:
    compiled: Compiled
    surroundings: Settings = SETTINGS


@dataclass
class Node:
    """The kernel and the sweeper, as far as the revoker sees them."""

    current: Revision | None = None
    done: list[object] = field(default_factory=list)
    policies: list[Policy] = field(default_factory=list)
    forgetting: set[Address] = field(default_factory=set)
    refuses: bool = False
    now: float = 100.0

    def revision(self) -> Revision | None:
        return self.current

    def free(self, revision: Revision) -> None:
        if self.refuses:
            raise OSError("no")
        self.done.append(revision.number)

    def reset(self, mask: int) -> None:
        self.done.append(hex(mask))

    def begin(self, policy: Policy) -> None:
        self.policies.append(policy)

    def forget(self, addresses: Iterable[Address]) -> None:
        self.forgetting.update(addresses)

    def forgets(self, addresses: Iterable[Address]) -> bool:
        return not self.forgetting.isdisjoint(addresses)


class Table:
    """What the enforcement loop does."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.revoker = Revoker(node, node, clock=lambda: node.now)
        self.before: State | None = None

    def put(self, state: State) -> bool:
        begins = self.revoker.weigh(self.before, state)
        self.switch(state, begins)
        return begins

    def switch(self, state: State, begins: bool) -> None:
        known = self.node.current
        if known is None:
            self.node.current = Revision(MASK)
        elif begins:
            self.node.current = known.following
        self.before = state
        self.revoker.switched(state, begins)


def state(*endpoints: str, wildcard: bool = True) -> State:
    names = ("www.example.org", *(["*.example.net"] if wildcard else []))
    made = [workload(name, address, interface="cali") for name, address in zip("ab", endpoints, strict=False)]
    return State(compiled(endpoints=made, leases=[lease_set("s:web", *names)]))


@pytest.fixture
def table() -> Table:
    return Table(Node())


def other_policies(before: State) -> State:
    """All endpoints are judged otherwise."""
    found = {key: replace(each, interface="cali-x") for key, each in before.compiled.endpoints.items()}
    return State(replace(before.compiled, endpoints=found))


def test_the_first_one_begins_with_a_clean_slate(table: Table) -> None:
    assert table.put(state(A))
    assert table.node.done == ["0xf0"]
    assert table.node.policies[-1].revision == Revision(MASK, 1)


def test_a_table_that_an_earlier_run_left_goes_on_with_the_next(table: Table) -> None:
    table.node.current = Revision(MASK, 9)
    assert table.put(state(A))
    assert (table.node.done, table.node.current) == ([10], Revision(MASK, 10))


def test_what_takes_nothing_away_begins_none(table: Table) -> None:
    table.put(state(A))
    table.node.now += 2
    assert not table.put(state(A, B))
    assert not table.put(state(A))
    assert table.node.forgetting == {ip_address(B)}
    assert table.node.policies[-1].epoch == 1


def test_an_address_that_is_used_again_before_its_connections_are_forgotten(table: Table) -> None:
    table.put(state(A, B))
    table.put(state(A))
    table.node.now += 2
    assert table.put(state(A, B))


def test_at_once_when_quiet_and_then_once_a_second(table: Table) -> None:
    first = state(A)
    table.put(first)
    table.node.now += 0.25
    other = other_policies(first)
    assert not table.put(other)
    seconds = [table.revoker.seconds_left]
    assert not table.revoker.is_due(other)
    table.node.now += 0.75
    seconds.append(table.revoker.seconds_left)
    assert table.revoker.is_due(other)
    table.switch(other, begins=True)
    seconds.append(table.revoker.seconds_left)
    assert seconds == [0.75, 0, None]
    table.node.now += 5
    assert table.put(first)


def test_a_switch_that_failed_takes_nothing_away_yet(table: Table) -> None:
    table.put(state(A, B))
    table.node.now += 2
    assert not table.revoker.weigh(table.before, state(A))
    assert not table.node.forgetting


def test_leases_that_forwarders_have_to_take_away_first(table: Table) -> None:
    table.put(state(A))
    table.node.now += 2
    less = state(A, wildcard=False)
    assert not table.put(less)
    waited = table.revoker.waits_for_leases
    assert table.revoker.leases_went(less)
    assert (waited, table.revoker.waits_for_leases) == (True, False)


def test_another_configuration_of_the_node(table: Table) -> None:
    first = state(A)
    table.put(first)
    table.node.now += 2
    assert table.put(replace(first, surroundings=replace(SETTINGS, allow_ipip=True)))


def test_where_it_is_not_asked_for_nothing_is_weighed() -> None:
    table = Table(Node())
    assert not table.put(State(compiled(), Settings()))
    assert (table.node.done, table.node.policies) == ([], [])


def test_a_number_that_cannot_be_freed_is_not_used_and_tried_again(table: Table) -> None:
    first = state(A)
    table.put(first)
    table.node.now += 2
    table.node.refuses = True
    assert not table.put(other_policies(first))
    assert "no" in table.revoker.problem
    assert table.revoker.seconds_left == 1
    table.node.now += 1
    table.node.refuses = False
    assert table.revoker.is_due(other_policies(first))
    assert not table.revoker.problem
