"""How many may be connected."""

from dnsguard.controller.serving.crowd import ARRIVAL_BURST, ARRIVALS, Admission, Crowd


def admitted(crowd: Crowd, *addresses: str) -> list[Admission | None]:
    return [crowd.admit(address, 0.0) for address in addresses]


def test_strangers_of_one_address_leave_room_for_others() -> None:
    crowd = Crowd(most=10, most_strangers=3, most_of_one=2)
    first, second, third, other = admitted(crowd, "192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2")
    assert first
    assert second
    assert third is None
    assert other
    assert admitted(crowd, "192.0.2.3") == [None]  # strangers in all
    first.known()
    first.known()
    assert all(admitted(crowd, "192.0.2.3"))
    assert crowd.count == 4


def test_there_is_an_end_to_those_who_are_known_too() -> None:
    crowd = Crowd(most=2, most_strangers=9, most_of_one=9)
    first, second = admitted(crowd, "192.0.2.1", "192.0.2.1")
    assert first
    assert second
    first.known()
    second.known()
    assert admitted(crowd, "192.0.2.2") == [None]
    first.left()
    first.left()
    assert all(admitted(crowd, "192.0.2.2"))
    second.left()
    assert (crowd.count, crowd.strangers) == (1, {"192.0.2.2": 1})


def test_arrivals_of_one_address_are_limited() -> None:
    crowd = Crowd()
    for _ in range(int(ARRIVAL_BURST)):
        place = crowd.admit("192.0.2.1", 0.0)
        assert place
        place.left()
    assert crowd.admit("192.0.2.1", 0.0) is None
    assert crowd.admit("192.0.2.2", 0.0)
    assert crowd.admit("192.0.2.1", 1 / ARRIVALS)
    assert crowd.count == 2
