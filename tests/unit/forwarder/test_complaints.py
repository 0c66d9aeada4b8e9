import logging

import pytest

from dnsguard.forwarder.complaints import Complaints


def test_a_subject_is_heard_once_in_ten_seconds_with_what_was_left_out(caplog: pytest.LogCaptureFixture) -> None:
    complaints = Complaints(logging.getLogger("test"))
    for now in (0.0, 1.0, 2.0, 11.0, 12.0):
        complaints.complain("a", now, "no %s", "way")
    complaints.complain("b", 2.0, "never")
    assert caplog.messages == ["no way", "no way (2 more like it)", "never"]


def test_many_subjects_are_no_flood(caplog: pytest.LogCaptureFixture) -> None:
    complaints = Complaints(logging.getLogger("test"))
    for number in range(5000):
        complaints.complain(number, number / 1000, "no")
    assert len(caplog.messages) == 1024
    caplog.clear()
    complaints.complain("late", 10.0, "no")
    complaints.complain(1, 10.001, "no")
    assert caplog.messages == ["no (3976 of others)", "no"]


def test_one_subject_among_many_is_heard_again(caplog: pytest.LogCaptureFixture) -> None:
    complaints = Complaints(logging.getLogger("test"))
    for number in range(1024):
        complaints.complain(number, 0.0, "no")
    complaints.complain(5, 1.0, "no")
    caplog.clear()
    complaints.complain(5, 10.0, "no")
    assert caplog.messages == ["no (1 more like it)"]
