"""What the torrent must see: dnsguards that break their promise on purpose.

A file named ``sitecustomize.py`` on the path of every process of such a dnsguard has it break itself when it starts.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from dnsguard.dataplane.driver import Driver
from dnsguard.dataplane.rules import Plan
from dnsguard.netlink.nftables import Message
from dnsguard.netlink.socket import NetfilterSocket


def piecemeal() -> None:
    """Every transaction is as many as it has messages: packets see what lies between."""
    whole = NetfilterSocket.transact

    def transact(self: NetfilterSocket, messages: Sequence[Message], deadline_s: float = 5.0) -> None:
        for message in messages:
            whole(self, [message], deadline_s)

    NetfilterSocket.transact = transact  # type: ignore[method-assign]


def forgetful() -> None:
    """Every other switch is not made, and said to be made."""
    switch, turns = Driver.switch, [0]

    def forgetting(self: Driver, plan: Plan, revise: bool = False) -> None:
        turns[0] += 1
        if turns[0] % 2 or self._actual is None:
            switch(self, plan, revise)
            return
        self._in_force = plan
        self._actual.note_switched(plan)

    Driver.switch = forgetting  # type: ignore[method-assign]


BREAKS: Mapping[str, Callable[[], None]] = {"piecemeal": piecemeal, "forgetful": forgetful}


def environment(kind: str, directory: Path) -> dict[str, str]:
    """Of a dnsguard that is broken in this way. ``directory`` is ours to write to."""
    root = Path(__file__).parents[2]
    lines = ["import sys", f"sys.path.insert(0, {str(root)!r})", "from tests.torrent import sabotage"]
    (directory / "sitecustomize.py").write_text("\n".join([*lines, f"sabotage.BREAKS[{kind!r}]()"]) + "\n")
    return {"PYTHONPATH": str(directory)}
