from dnsguard.controller.process import files_of
from tests.unit.controller.running import settings

KEPT = {"state", "store", "token", "audit", "packets", "link", "api", "api socket"}


def test_everything_that_is_kept_is_named() -> None:
    assert set(files_of(settings())) == KEPT
    assert set(files_of(settings(packet_log="Off"))) == KEPT - {"packets"}
