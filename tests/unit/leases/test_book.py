"""What the book says in single, nameable situations; what holds in all of them is in ``test_book_property``."""

import pytest

from dnsguard.leases import NODE, OUTSIDERS, Changes, Element, LeaseBook, LimitReached, Limits, LocalClient, Terms
from dnsguard.leases.changes import Place
from tests.unit.leases.naive import Kernel, answer, client, feed, packed

FEED = feed("web", "*.example.org")
ONE = client("ns/one", "10.0.0.1 fd00::1", "web")
TWO = client("ns/two", "10.0.0.2", "web")
WWW = answer("www.example.org A 192.0.2.1 30")


def book(limits: Limits | None = None) -> LeaseBook:
    made = LeaseBook(limits=limits)
    made.replace_policy([FEED], [ONE, TWO], 0)
    return made


@pytest.mark.parametrize(
    ("ttl", "seconds"),
    [(0, 60), (29, 60), (30, 60), (31, 61), (300, 330), (86400, 86430), (2**31 - 1, 86430), (-5, 60)],
)
def test_a_lease_lasts_the_ttl_and_the_grace_within_floor_and_cap(ttl: int, seconds: float) -> None:
    assert Terms().lease(ttl) == seconds


def test_a_client_is_told_thirty_seconds_less_than_its_lease() -> None:
    assert [Terms().client_ttl(left) for left in (330, 60.9, 30, 10)] == [300, 30, 0, 0]


def test_a_repeated_answer_costs_the_kernel_nothing_until_its_lease_falls_short() -> None:
    made, kernel = book(), Kernel()
    for now in range(100):
        kernel.take(made, made.learn("ns/one", WWW, now).changes, now)
        assert min(kernel.live(now).values()) >= now + 60
    assert kernel.writes == 7, "one write in about fifteen seconds"


def test_a_shorter_ttl_never_shortens() -> None:
    made, kernel = book(), Kernel()
    kernel.take(made, made.learn("ns/one", answer("www.example.org A 192.0.2.1 3600"), 0).changes, 0)
    kernel.take(made, made.learn("ns/one", WWW, 10).changes, 10)
    assert set(kernel.elements.values()) == {3645}


def test_the_age_of_a_cached_answer_counts() -> None:
    made = book()
    (element,) = made.learn("ns/one", answer("www.example.org A 192.0.2.1 300"), 100, age=200).changes.add
    assert element.expires == 100 + 100 + 30 + 15


def test_what_was_not_acknowledged_is_asked_for_again() -> None:
    made = book()
    first = made.learn("ns/one", WWW, 0).changes
    assert first.add
    assert made.learn("ns/one", WWW, 0).changes.add == first.add
    made.acknowledged(first)
    assert made.learn("ns/one", WWW, 0).changes.is_empty


def test_an_alias_that_was_not_acknowledged_is_asked_for_again() -> None:
    made = book()
    made.learn("ns/one", answer("edge.example.net A 192.0.2.1 30"), 0)
    alias = answer("www.example.org CNAME edge.example.net 30")
    first = made.learn("ns/one", alias, 0).changes
    assert len(first.add) == 1
    assert made.learn("ns/one", alias, 0).changes.add == first.add


def test_a_name_above_is_served_by_an_answer_for_the_one_below() -> None:
    made, kernel = book(), Kernel()
    kernel.take(made, made.learn("ns/one", answer("www.example.org CNAME edge.example.net 300"), 0).changes, 0)
    kernel.take(made, made.learn("ns/one", answer("edge.example.net A 192.0.2.9 30"), 0).changes, 0)
    assert set(kernel.elements) == {("web-4", packed("10.0.0.1"), packed("192.0.2.9"))}
    kernel.take(made, made.learn("ns/two", answer("edge.example.net A 192.0.2.9 30"), 0).changes, 0)
    assert len(kernel.elements) == 1, "that alias was the other's"


def test_a_change_that_policy_overtook_is_not_written() -> None:
    made, kernel = book(), Kernel()
    late = made.learn("ns/one", WWW, 0).changes
    kernel.take(made, made.apply_delta([feed("web", "*.example.net")], [], [], [], 1), 1)
    kernel.take(made, late, 2)
    assert kernel.elements == {}


def test_a_change_that_policy_overtook_is_written_for_as_long_as_policy_wants_it_still() -> None:
    made, kernel = LeaseBook(), Kernel()
    made.replace_policy([feed("web", "long.example.org", "short.example.org")], [ONE], 0)
    waiting = made.learn("ns/one", answer("long.example.org A 192.0.2.1 3000"), 0).changes
    made.learn("ns/one", answer("short.example.org A 192.0.2.1 100"), 0)
    made.apply_delta([feed("web", "short.example.org")], [], [], [], 0)
    kernel.take(made, waiting, 0)
    assert set(kernel.elements.values()) == {145}


def test_an_old_change_does_not_shorten_a_newer_lease() -> None:
    made, kernel = book(), Kernel()
    old = made.learn("ns/one", WWW, 0).changes
    kernel.take(made, made.learn("ns/one", WWW, 50).changes, 50)
    kernel.take(made, old, 51)
    assert set(kernel.elements.values()) == {125}


def test_a_lease_that_lost_its_longer_reason_keeps_the_shorter_one() -> None:
    made, kernel = book(), Kernel()
    kernel.take(made, made.apply_delta([feed("web", "a.example.org", "b.example.org")], [], [], [], 0), 0)
    kernel.take(made, made.learn("ns/one", answer("a.example.org A 192.0.2.1 3600"), 0).changes, 0)
    kernel.take(made, made.learn("ns/one", answer("b.example.org A 192.0.2.1 30"), 0).changes, 0)
    kernel.take(made, made.apply_delta([feed("web", "b.example.org")], [], [], [], 1), 1)
    assert set(kernel.elements.values()) == {75}


def test_what_an_address_learned_before_it_was_known_is_its_endpoints() -> None:
    made, kernel = book(), Kernel()
    kernel.take(made, made.learn(made.scope_of(packed("10.0.0.3")), WWW, 0).changes, 0)
    assert kernel.elements == {}
    kernel.take(made, made.apply_delta([], [], [client("ns/three", "10.0.0.3", "web")], [], 1), 1)
    assert set(kernel.elements) == {("web-4", packed("10.0.0.3"), packed("192.0.2.1"))}
    assert made.scope_of(packed("10.0.0.3")) == "ns/three"


def test_an_endpoint_that_comes_later_has_what_the_node_looked_up_and_not_what_its_predecessor_did() -> None:
    made, kernel = book(), Kernel()
    kernel.take(made, made.learn(NODE, WWW, 0).changes, 0)
    kernel.take(made, made.learn("ns/one", answer("own.example.org A 192.0.2.2 30"), 0).changes, 0)
    kernel.take(made, made.apply_delta([], [], [], ["ns/one"], 1), 1)
    assert {place[1] for place in kernel.elements} == {packed("10.0.0.2")}
    kernel.take(made, made.apply_delta([], [], [client("ns/new", "10.0.0.1", "web")], [], 2), 2)
    assert {place[2] for place in kernel.elements if place[1] == packed("10.0.0.1")} == {packed("192.0.2.1")}


def test_addresses_that_may_not_be_leased_are_not_learned_and_not_asked_for_again() -> None:
    made = LeaseBook(eligible=lambda address: address != packed("169.254.169.254"))
    made.replace_policy([FEED], [ONE], 0)
    both = answer("www.example.org A 169.254.169.254 30", "www.example.org A 192.0.2.1 30")
    first = made.learn("ns/one", both, 0).changes
    assert [element.place.address for element in first.add] == [packed("192.0.2.1")]
    made.acknowledged(first)
    assert made.learn("ns/one", both, 0).changes.is_empty


def test_at_the_bound_of_a_client_idle_names_go_first_and_then_answers_are_refused() -> None:
    made = book(Limits(edges_per_scope=3))
    made.learn("ns/one", answer("idle.example.net A 192.0.2.7 30"), 0)
    for number in range(3):
        made.acknowledged(made.learn("ns/one", answer(f"n{number}.example.org A 192.0.2.{number} 30"), 0).changes)
    assert made.library.edges == 3, "the idle name made room"
    with pytest.raises(LimitReached, match="records of one client"):
        made.learn("ns/one", WWW, 1)
    assert made.learn("ns/one", answer("more.example.net A 192.0.2.8 30"), 1).until == 61
    assert made.unlearned == 1, "no policy asks for it: released, and not learned"
    assert made.learn("ns/two", WWW, 1).changes.add, "the others have their own room"
    assert made.learn("ns/one", WWW, 200).changes.add, "what has expired makes room"


def test_a_name_has_a_bounded_number_of_addresses() -> None:
    made = book(Limits(addresses_per_name=2))
    for number in range(2):
        made.learn("ns/one", answer(f"www.example.org A 192.0.2.{number} 30"), 0)
    with pytest.raises(LimitReached, match="addresses of one name"):
        made.learn("ns/one", answer("www.example.org A 192.0.2.9 30"), 0)


def test_where_all_is_full_names_that_no_lease_comes_from_make_room_for_one_whoever_learned_them() -> None:
    made, kernel = book(Limits(edges=6)), Kernel()
    for number in range(3):
        kernel.take(made, made.learn("ns/two", answer(f"n{number}.example.org A 192.0.2.{number} 30"), 0).changes, 0)
        made.learn("ns/two", answer(f"idle{number}.example.net A 192.0.2.{number} 30"), 0)
    made.learn("ns/one", answer("idle.example.net A 192.0.2.9 30"), 0)
    assert (made.unlearned, made.library.edges) == (1, 6), "for what no policy asks for nobody makes room"
    kernel.take(made, made.learn("ns/one", WWW, 0).changes, 0)
    assert {place[1:] for place in kernel.live(0)} == {
        (packed("10.0.0.1"), packed("192.0.2.1")),
        *((packed("10.0.0.2"), packed(f"192.0.2.{number}")) for number in range(3)),
    }
    assert made.library.edges == 4
    for number in range(3, 5):
        kernel.take(made, made.learn("ns/two", answer(f"n{number}.example.org A 192.0.2.{number} 30"), 2).changes, 2)
    with pytest.raises(LimitReached, match="records"):
        made.learn("ns/one", answer("more.example.org A 192.0.2.8 30"), 2)
    assert len(kernel.live(2)) == 6, "no lease is given up for another"


def test_look_ups_of_the_node_have_a_bound_of_their_own() -> None:
    made = book(Limits(edges_per_scope=1, edges_of_node=2))
    for number in range(2):
        made.learn(NODE, answer(f"n{number}.example.org A 192.0.2.{number} 30"), 0)
    with pytest.raises(LimitReached, match="records of one client"):
        made.learn(NODE, WWW, 0)
    assert made.learn("ns/one", WWW, 0).changes.add


def test_a_full_kernel_refuses_the_answer_every_time() -> None:
    made, kernel = book(Limits(elements=1)), Kernel()
    kernel.take(made, made.learn("ns/one", WWW, 0).changes, 0)
    more = answer("more.example.org A 192.0.2.2 30")
    for _ in range(2):
        with pytest.raises(LimitReached, match="elements"):
            made.learn("ns/one", more, 1)
    kernel.take(made, made.learn("ns/one", WWW, 30).changes, 30)
    made.expire(200)
    kernel.take(made, made.learn("ns/one", more, 200).changes, 200)
    assert set(kernel.live(200)) == {("web-4", packed("10.0.0.1"), packed("192.0.2.2"))}


def test_unknown_clients_are_bounded() -> None:
    made = book(Limits(unknown_clients=2))
    for number in range(4):
        made.learn(bytes([192, 0, 2, number]), WWW, 0)
    assert (len(made.library.scopes()), made.unlearned) == (2, 2)
    made.expire(500)
    made.learn(bytes([192, 0, 2, 9]), WWW, 500)
    assert made.library.scopes() == [bytes([192, 0, 2, 9])]


def test_what_was_inherited_stays_until_policy_changes_for_it() -> None:
    made, kernel = book(), Kernel()
    places = [Place("web-4", packed(client), packed("192.0.2.9")) for client in ("10.0.0.1", "10.0.0.2")]
    kernel.elements = dict.fromkeys(places, 100.0)
    made.inherit(Element(place, 100.0) for place in places)
    kernel.rewrite(made, 1)
    kernel.take(made, made.apply_delta([feed("web", "*.example.org", "*.example.net")], [], [], [], 1), 1)
    assert set(kernel.elements) == set(places), "more than before takes nothing away"
    kernel.take(made, made.apply_delta([], [], [], ["ns/one"], 2), 2)
    assert set(kernel.elements) == {places[1]}
    kernel.take(made, made.learn("ns/two", answer("www.example.org A 192.0.2.9 30"), 3).changes, 3)
    kernel.take(made, made.apply_delta([feed("web", "*.example.org")], [], [], [], 4), 4)
    assert kernel.elements == {places[1]: 78.0}, "what was looked up since has a reason of its own"


def test_what_was_inherited_and_may_not_be_leased_any_more_goes() -> None:
    made, kernel = LeaseBook(eligible=lambda address: address != packed("10.8.0.9")), Kernel()
    made.replace_policy([FEED], [ONE], 0)
    stays, goes = (Place("web-4", packed("10.0.0.1"), packed(address)) for address in ("192.0.2.9", "10.8.0.9"))
    kernel.elements = dict.fromkeys((stays, goes), 100.0)
    made.inherit(Element(place, 100.0) for place in (stays, goes))
    kernel.rewrite(made, 1)
    assert set(kernel.elements) == {stays}


def test_what_was_inherited_is_not_shortened_by_a_look_up() -> None:
    made, kernel = book(), Kernel()
    place = Place("web-4", packed("10.0.0.1"), packed("192.0.2.1"))
    made.inherit([Element(place, 5000.0)])
    kernel.take(made, made.learn("ns/one", WWW, 0).changes, 0)
    assert kernel.elements[place] == 5000.0
    kernel.rewrite(made, 10)
    assert kernel.elements[place] == 5000.0


def test_the_controllers_word_takes_nothing_away_that_was_inherited_for_longer_than_it_is_known_for() -> None:
    made, kernel = book(), Kernel()
    place = Place("web-4", packed("10.0.0.1"), packed("192.0.2.1"))
    made.inherit([Element(place, 80.0)])
    made.learn("ns/one", WWW, 0)
    kernel.take(made, made.reconcile_part(made.places(), 0), 0)
    assert kernel.elements[place] == 80.0 > 75.0, "the kernel's word, against what was saved"
    changes = made.reconcile_part(made.places(), 1)
    assert not changes.remove, "it would be closed until it is added again"
    kernel.take(made, changes, 1)
    assert kernel.elements[place] == 80.0
    kernel.rewrite(made, 1)
    assert kernel.elements[place] == 80.0


def test_what_is_to_last_for_less_is_not_taken_away_before_it_is_written_anew() -> None:
    made, kernel = book(), Kernel()
    made.apply_delta([feed("web", "*.example.org", "*.example.net")], [], [], [], 0)
    for said in ("www.example.net A 192.0.2.1 3600", "www.example.org A 192.0.2.1 300"):
        kernel.take(made, made.learn("ns/one", answer(said), 0).changes, 0)
    made.apply_delta([FEED], [], [], [], 1)  # not written, for what reason ever
    changes = made.reconcile_part(made.places(), 2)
    assert (changes.remove, [element.expires for element in changes.add]) == ((), [345.0])
    kernel.rewrite(made, 2)
    assert list(kernel.elements.values()) == [345.0]


def test_while_the_kernel_is_doubted_every_answer_is_written_again_and_what_has_no_reason_goes() -> None:
    made, kernel = book(), Kernel()
    kernel.take(made, made.learn("ns/one", WWW, 0).changes, 0)
    unfounded = Place("web-4", packed("10.0.0.1"), packed("192.0.2.77"))
    made.held.added(Element(unfounded, 500.0))
    kernel.elements[unfounded] = 500.0
    assert made.learn("ns/one", WWW, 1).changes.is_empty
    lost = kernel.elements.copy()
    kernel.elements.clear()  # others emptied the set
    portions = list(made.portions())
    made.doubt()
    kernel.take(made, made.learn("ns/one", WWW, 1).changes, 1)
    assert kernel.elements.keys() == lost.keys() - {unfounded}
    kernel.elements[unfounded] = 500.0  # or it was not lost after all
    for portion in portions:
        kernel.take(made, made.reconcile_part(portion, 1), 1)
        kernel.take(made, made.settle_doubts(portion), 1)
    made.believe()
    assert kernel.elements.keys() == lost.keys() - {unfounded}
    assert made.learn("ns/one", WWW, 1).changes.is_empty


def test_leases_are_listed_with_their_names() -> None:
    made, kernel = book(), Kernel()
    chain = answer("www.example.org CNAME edge.example.net 300", "edge.example.net A 192.0.2.1 30")
    kernel.take(made, made.learn("ns/one", chain, 0).changes, 0)
    made.learn("ns/one", answer("other.example.net AAAA 2001:db8::1 30"), 0)
    listed = {(lease.client, lease.address, lease.feeds, len(lease.names)) for lease in made.leases(["ns/one"], 1)}
    assert listed == {
        (packed("10.0.0.1"), packed("192.0.2.1"), ("web",), 2),
        (b"", packed("2001:db8::1"), (), 1),
    }


OUTSIDER = packed("172.16.0.9")


def outsiders(*feeds: str) -> LocalClient:
    return client(OUTSIDERS, "", *feeds)


def added(changes: Changes) -> set[tuple[str, bytes]]:
    return {(element.place.kernel_set, element.place.client) for element in changes.add}


def test_a_client_that_is_no_endpoint_opens_what_policy_names_for_outsiders_and_for_itself_alone() -> None:
    made = LeaseBook()
    made.replace_policy([feed("f", "*.example.org"), feed("g", "*.example.org")], [outsiders("f")], 0)
    assert added(made.learn(OUTSIDER, answer("a.example.org A 192.0.2.1 300"), 0).changes) == {("f-4", OUTSIDER)}
    assert made.learn(NODE, answer("b.example.org A 192.0.2.2 300"), 0).changes.is_empty


def test_what_an_outsider_learned_follows_policy_there_and_back() -> None:
    made = LeaseBook()
    made.replace_policy([feed("f", "*.example.org")], [], 0)
    assert made.learn(OUTSIDER, answer("a.example.org A 192.0.2.1 300"), 0).changes.is_empty
    opened = made.apply_delta([], [], [outsiders("f")], [], 1)
    assert added(opened) == {("f-4", OUTSIDER)}
    made.acknowledged(opened)
    assert [lease.client for lease in made.leases([OUTSIDER], 2)] == [OUTSIDER]
    widened = made.apply_delta([feed("f", "*.example.net")], [], [], [], 2)
    assert [place.client for place in widened.remove] == [OUTSIDER]
    made.acknowledged(widened)
    again = made.apply_delta([feed("f", "*.example.org")], [], [], [], 3)
    assert added(again) == {("f-4", OUTSIDER)}
    made.acknowledged(again)
    closed = made.apply_delta([], [], [], [OUTSIDERS], 4)
    assert [place.client for place in closed.remove] == [OUTSIDER]


def test_an_outsider_that_becomes_an_endpoint_is_judged_as_that() -> None:
    made = LeaseBook()
    made.replace_policy([feed("f", "*.example.org")], [outsiders("f")], 0)
    made.acknowledged(made.learn(OUTSIDER, answer("a.example.org A 192.0.2.1 300"), 0).changes)
    changes = made.apply_delta([], [], [client("ns/new", "172.16.0.9")], [], 1)
    assert [place.client for place in changes.remove] == [OUTSIDER]
    assert made.library.get("ns/new") is not None


def test_discarding_leaves_nothing_inherited_things_included() -> None:
    made = LeaseBook()
    made.replace_policy([feed("f", "*.example.org")], [client("ns/a", "10.0.0.1", "f")], 0)
    left = Element(Place("f-4", packed("10.0.0.1"), packed("192.0.2.9")), 100.0)
    of_somebody_gone = Element(Place("f-4", packed("10.0.0.8"), packed("192.0.2.9")), 100.0)
    made.inherit([left, of_somebody_gone])
    made.acknowledged(made.learn("ns/a", answer("a.example.org A 192.0.2.1 300"), 0).changes)
    gone = made.discard(1, 7)
    new = Place("f-4", packed("10.0.0.1"), packed("192.0.2.1"))
    assert set(gone.remove) == {left.place, of_somebody_gone.place, new}
    assert (gone.add, made.library.edges, made.epoch) == ((), 0, 7)
