from dnsguard.backoff import Backoff


def test_the_first_start_is_at_once_and_waiting_doubles_up_to_a_limit_while_it_keeps_dying() -> None:
    backoff = Backoff()
    assert [round(backoff.after(0.0), 1) for _ in range(9)] == [0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert [backoff.after(2.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert backoff.after(1.9) == 0.1
