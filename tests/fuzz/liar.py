"""A trusted server that has lost its mind: right answers, changed ones, none, several, late ones, over UDP and TCP."""

import contextlib
import itertools
import struct
from collections.abc import Iterator
from ipaddress import ip_address
from random import Random

from tests.fuzz import reading, seeds
from tests.fuzz.justified import Justified
from tests.fuzz.mutation import mutated
from tests.support import dnswire
from tests.support.fake_upstream import Asked

CONTROL = dnswire.wire("control.example.net")
CONTROL_ADDRESS = "198.19.255.1"
SPECIAL = ("127.0.0.1", "0.0.0.0", "169.254.169.254", "224.0.0.1", "255.255.255.255", "10.9.0.1")
SPECIAL6 = ("::1", "::", "::ffff:a9fe:a9fe", "64:ff9b::7f00:1", "2002:a9fe:a9fe::", "fe80::1", "ff02::1", "fd09::1")
HEADER_AND_QUESTION = 12 + len(dnswire.question(seeds.NAME))
LARGEST = 65_535


class Liar:
    """The script of a ``FakeUpstream``. Whoever asks below ``CONTROL`` is told the truth."""

    def __init__(self, dice: Random, justified: Justified) -> None:
        self._dice = dice
        self._justified = justified
        self._seeds = list(seeds.answers())
        self._numbers = itertools.count()
        self.packets = 0
        self.well_formed = 0

    def __call__(self, asked: Asked) -> Iterator[bytes]:
        if asked.name.endswith(CONTROL):
            yield dnswire.answer(asked.ident, asked.question, dnswire.address(CONTROL_ADDRESS, 0))
            return
        for _ in range(self._dice.choices((0, 1, 2, 3), (1, 80, 10, 9))[0]):
            packet = self._packet(asked)
            self.packets += 1
            self._note(packet, asked)
            yield packet[:LARGEST]

    def _packet(self, asked: Asked) -> bytes:
        """One that begins as it should, mostly, so that it is not ignored for that."""
        seed = self._dice.choice(self._seeds)
        whole = struct.pack("!H", asked.ident) + seed[2:12] + asked.question + self._own_addresses(seed)
        if asked.transport == "udp" and self._dice.random() < 0.1:
            whole = whole[:2] + bytes([whole[2] | 2]) + whole[3:]
        if self._dice.random() < 0.3:
            return whole
        changed = mutated(whole, self._dice)
        if self._dice.random() < 0.9:
            changed = whole[:2] + changed[2:12] + asked.question + changed[12 + len(asked.question) :]
        return changed

    def _own_addresses(self, seed: bytes) -> bytes:
        """The records, no two of them with the same address, so that whatever was let through can be told."""
        body = seed[HEADER_AND_QUESTION:]
        for packed, forbidden in ((seeds.PACKED4, SPECIAL), (seeds.PACKED6, SPECIAL6)):
            while packed in body:
                number = next(self._numbers)
                fresh = packed[:-4] + struct.pack("!HH", 0xC612 | number >> 16 & 1, number & 0xFFFF)
                if self._dice.random() < 0.15:
                    fresh = ip_address(self._dice.choice(forbidden)).packed
                body = body.replace(packed, fresh, 1)
        return body

    def _note(self, packet: bytes, asked: Asked) -> None:
        """Say what it justifies, if it answers the question at all."""
        try:
            repeated = (
                packet[2] & 0xF8 == 0x80 and reading.question_of(packet)[:2] == reading.question_of(asked.data)[:2]
            )
        except (IndexError, reading.Unreadable):
            return
        if repeated and packet[:2] == asked.data[:2]:
            self._justified.said(packet)
            with contextlib.suppress(reading.Unreadable):
                reading.read_answer(packet)
                self.well_formed += 1
