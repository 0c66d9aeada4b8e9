from dnsguard.controller.process import files_of
from tests.unit.controller.running import settings


def test_everything_that_is_kept_is_named() -> None:
    assert set(files_of(settings())) == {"state", "store", "token", "audit", "link", "api"}
