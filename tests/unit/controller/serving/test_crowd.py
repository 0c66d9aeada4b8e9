"""How many may be connected."""

from collections.abc import Callable

from dnsguard.controller.serving.crowd import ARRIVAL_BURST, ARRIVALS, Admission, Crowd
from dnsguard.observe.exposition import exposition


class Gone(list[str]):
    """Whose connections were ended."""

    def of(self, name: str) -> Callable[[], None]:
        return lambda: self.append(name)


def test_who_waits_longest_gives_up_its_place_to_others_of_its_address() -> None:
    crowd, gone = Crowd(most=10, most_strangers=9, most_of_one=2), Gone()
    for name in "abc":
        assert crowd.admit("192.0.2.1", 0.0, gone.of(name))
    assert crowd.admit("192.0.2.2", 0.0, gone.of("d"))
    assert (gone, crowd.count, crowd.strangers) == (["a"], 3, 3)


def test_who_waits_longest_of_all_gives_up_its_place_where_strangers_are_too_many() -> None:
    crowd, gone = Crowd(most=10, most_strangers=2, most_of_one=2), Gone()
    places = [crowd.admit(f"192.0.2.{number}", 0.0, gone.of(str(number))) for number in range(2)]
    assert places[0]
    places[0].known()
    places[0].known()
    for number in (2, 3):
        assert crowd.admit(f"192.0.2.{number}", 0.0, gone.of(str(number)))
    assert (gone, crowd.count, crowd.strangers) == (["1"], 3, 2)


def test_strangers_make_room_and_who_is_known_does_not() -> None:
    crowd, gone = Crowd(most=2, most_strangers=9, most_of_one=9), Gone()
    first, second = (crowd.admit("192.0.2.1", 0.0, gone.of(name)) for name in "ab")
    assert first
    assert second
    first.known()
    third = crowd.admit("192.0.2.2", 0.0, gone.of("c"))
    assert third
    assert gone == ["b"]
    third.known()
    assert crowd.admit("192.0.2.3", 0.0, gone.of("d")) is None
    second.left()  # its end is seen when it was given up already
    first.left()
    first.left()
    assert crowd.admit("192.0.2.3", 0.0, gone.of("d"))
    assert (gone, crowd.count, crowd.strangers) == (["b"], 2, 1)
    said = exposition(crowd.metrics())
    for line in (
        "dnsguard_controller_api_connections 2",
        'dnsguard_controller_api_connections_refused_total{reason="full"} 1',
        'dnsguard_controller_api_connections_refused_total{reason="given_up"} 1',
    ):
        assert f"{line}\n" in said


def test_arrivals_of_one_address_are_limited() -> None:
    crowd, gone = Crowd(), Gone()

    def arrives(address: str, now: float) -> Admission | None:
        return crowd.admit(address, now, gone.of(address))

    for _ in range(int(ARRIVAL_BURST)):
        place = arrives("192.0.2.1", 0.0)
        assert place
        place.left()
    assert arrives("192.0.2.1", 0.0) is None
    assert arrives("192.0.2.2", 0.0)
    assert arrives("192.0.2.1", 1 / ARRIVALS)
    assert (gone, crowd.count) == ([], 2)
