"""A kernel that takes no rules that log: what is denied is denied all the same."""

import errno
from collections.abc import Sequence
from pathlib import Path

import pytest

from dnsguard.controller.denied.setup import log_trouble
from dnsguard.netlink.nftables import NEW_RULE, Message
from dnsguard.netlink.socket import NetlinkError
from dnsguard.settings import Settings


class WithoutNflog:
    """As a kernel that was built without it."""

    asked = 0

    def transact(self, messages: Sequence[Message], deadline_s: float = 5.0) -> None:
        assert deadline_s > 0
        self.asked += 1
        for index, message in enumerate(messages):
            if message.kind == NEW_RULE and b"log\0" in message.body:
                raise NetlinkError(errno.ENOENT, index, str(message))


def settings(directory: Path, which: str) -> Settings:
    given = {"state_dir": directory, "run_dir": directory, "node_name": "n", "packet_log": which}
    return Settings.model_validate(given)


@pytest.mark.parametrize("which", ["All", "Denied"])
def test_it_is_said(tmp_path: Path, which: str) -> None:
    assert log_trouble(settings(tmp_path, which), WithoutNflog()) == (
        "denied packets are not written down: the kernel refuses rules that log: add rule to chain probe: No such file"
        " or directory"
    )


def test_where_nothing_is_to_be_logged_nobody_asks(tmp_path: Path) -> None:
    kernel = WithoutNflog()
    assert (log_trouble(settings(tmp_path, "Off"), kernel), kernel.asked) == ("", 0)
