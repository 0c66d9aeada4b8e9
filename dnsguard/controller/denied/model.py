"""Denied packets as the API serves them."""

from collections.abc import AsyncIterator, Callable
from typing import Final

from dnsguard.api.services import PacketQuestion, ReadModelUnavailable
from dnsguard.controller.denied.shown import MOST, Shown
from dnsguard.observe.packetrecord import WantedPackets

_FULL: Final = f"{MOST} follow denied packets already"


class PacketsModel:
    """``dnsguard.api.services.Packets``."""

    def __init__(self, shown: Shown, check_client: Callable[[str], object], *, is_off: bool) -> None:
        """``check_client``: raises BadClient or UnknownEndpoint for what is no client; ``is_off``: nothing is read."""
        self._shown = shown
        self._check_client = check_client
        self._is_off = is_off

    async def recent(self, question: PacketQuestion) -> list[str]:
        return self._shown.newest(self._wanted(question), question.last)

    async def follow(self, question: PacketQuestion) -> AsyncIterator[str]:
        wanted = self._wanted(question)
        if self._shown.is_full:
            raise ReadModelUnavailable(_FULL)
        return self._shown.follow(wanted, question.last)

    def _wanted(self, question: PacketQuestion) -> WantedPackets:
        if self._is_off:
            raise ReadModelUnavailable("denied packets are not logged: packet_log is Off")
        if question.client:
            self._check_client(question.client)
        return WantedPackets.of(question.client, question.action)
