import logging

import pytest

from dnsguard.forwarder.complaints import Complaints


def test_a_subject_is_heard_once_in_ten_seconds_with_what_was_left_out(caplog: pytest.LogCaptureFixture) -> None:
    complaints = Complaints(logging.getLogger("test"))
    for now in (0.0, 1.0, 2.0, 11.0, 12.0):
        complaints.complain("a", now, "no %s", "way")
    complaints.complain("b", 2.0, "never")
    assert caplog.messages == ["no way", "no way (2 more like it)", "never"]
