"""Changed messages from both sides of a running forwarder, and what has to hold all the while.

It answers a control client; each answer that it gives is well-formed and repeats its question; all that an answer
promises is open by then; nothing is open that no answer of the server justifies; it neither ends nor complains.
"""

import asyncio
import contextlib
import struct
from random import Random

from dnslib import RCODE

from tests.fuzz import reading, seeds
from tests.fuzz.justified import Justified
from tests.fuzz.liar import CONTROL_ADDRESS, Liar
from tests.fuzz.mutation import mutated
from tests.support import dnswire
from tests.system.forwarder import LISTEN, LISTEN6, NEIGHBOUR, WORKLOAD, WORKLOAD6, Rig, feed, identity, policy

SUFFIX = "example.org"
WEB = feed("web", f"*.{SUFFIX}")
QUIET = feed("quiet", "*.control.example.net")
BURST = 40
TRIES = 3
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


class Found(AssertionError):
    """Something that must not happen."""


class Attack:
    """One forwarder under attack. ``seed`` decides what is sent, though not what arrives when."""

    def __init__(self, rig: Rig, seed: int) -> None:
        self.rig = rig
        self.dice = Random(seed)
        own = (LISTEN, LISTEN6, "127.0.0.1", "::1")
        self.justified = Justified(SUFFIX, own)
        self.liar = Liar(self.dice, self.justified)
        self.queries = self.answers = self.controls = self.asked_again = self.promises = self.opened = 0
        self.outcomes: dict[str, int] = {}
        self._problem = ""
        self._held: set[str] = set()
        self._asked: set[tuple[bytes, bytes]] = set()

    async def begin(self) -> None:
        """Start the forwarder with an attacker and a control client."""
        asyncio.get_running_loop().set_exception_handler(self._failed_here)
        self.rig.make_sets(WEB, QUIET)
        self.rig.upstream.script = self.liar
        await self.rig.start()
        await self.rig.connected()
        attacker = identity("attack/one", [WORKLOAD, WORKLOAD6], ["web"])
        control = identity("attack/control", [NEIGHBOUR], ["quiet"])
        await self.rig.enforced(policy(WEB, QUIET, identities=[attacker, control]))

    async def round(self) -> None:
        """A burst of queries, and a look at everything."""
        asked = [self._query() for _ in range(BURST)]
        self.queries += len(asked)
        sending = [self._datagrams(asked[10:]), self._connection(asked[:5]), self._connection(asked[5:10])]
        await asyncio.gather(*sending, self._control())
        self._look_into_the_kernel()
        self.rig.upstream.asked.clear()
        if "Traceback" in self.rig.log:
            raise Found(self.rig.log)
        if self._problem:
            raise RuntimeError(f"the attack itself fails: {self._problem}")

    def end(self) -> None:
        """It still runs, and none of its parts failed."""
        if errors := self.rig.metric("dns_hook_errors_total"):
            raise Found(f"{errors} errors within\n{self.rig.log[-2000:]}")

    def _failed_here(self, _: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        """Of whatever asyncio caught: the server of our own, most likely."""
        self._problem = self._problem or repr(context.get("exception") or context["message"])

    def _query(self) -> bytes:
        """A name that is new, mostly, in a message that is changed, mostly."""
        label = "".join(self.dice.choices(LETTERS, k=3))
        name = dnswire.wire(f"{label}.{self.dice.choice((SUFFIX, SUFFIX, 'example.net'))}")
        opt = self.dice.choice((b"", seeds.OPT, dnswire.opt(seeds.SUBNET, ttl=0x8000, size=4096)))
        kind = self.dice.choice((1, 1, 28, 65, 255, 16))
        query = dnswire.query(name + struct.pack("!HH", kind, 1), self.dice.randrange(65536), opt)
        return query if self.dice.random() < 0.5 else mutated(query, self.dice)

    async def _datagrams(self, asked: list[bytes]) -> None:
        loop, sock = asyncio.get_running_loop(), self.rig.socket_of(self.dice.choice((WORKLOAD, WORKLOAD6)))
        for query in asked:
            self._asked.add((query[:2], _question(query)))
            await loop.sock_sendall(sock, query)
        expected = sum(map(_must_be_answered, asked))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.3):
                for _ in range(expected):
                    reply = await loop.sock_recv(sock, 65535)
                    self._answered(reply)
                    if len(reply) > 12 and (reply[:2], _question(reply)) not in self._asked:
                        raise Found(f"an answer to nothing that was asked: {reply.hex()}")

    async def _connection(self, asked: list[bytes]) -> None:
        reader, writer = await asyncio.open_connection(sock=await self.rig.connection())
        try:
            for query in asked:
                length = len(query) if self.dice.random() < 0.95 else self.dice.randrange(65536)
                writer.write(struct.pack("!H", length) + query)
            writer.write_eof()
            async with asyncio.timeout(1):
                while len(length_of_reply := await reader.read(2)) == 2:
                    self._answered(await reader.readexactly(int.from_bytes(length_of_reply, "big")))
        except (OSError, TimeoutError, asyncio.IncompleteReadError):  # we are hung up on, in several ways
            pass
        finally:
            writer.transport.abort()

    def _answered(self, reply: bytes) -> None:
        """One answer, now or from before."""
        self.answers += 1
        outcome = str(RCODE.get(reply[3] & 15)) if len(reply) >= 12 else "short"
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        if len(reply) < 12 or not reply[2] & 0x80:
            raise Found(f"no answer: {reply.hex()}")
        if reply[4:6] == b"\0\0":
            return  # to something whose question could not be read
        try:
            promised = self.justified.promised(reply)
        except reading.Unreadable as problem:
            raise Found(f"{problem}: {reply.hex()}") from None
        if promised - self._held and not promised <= self._open():
            raise Found(f"promised and not open: {promised - self._held}, {reply.hex()}\n{self.rig.log[-2000:]}")
        self.promises += len(promised)

    def _open(self) -> set[str]:
        found = {*self.rig.elements("d4-web"), *self.rig.elements("d6-web")}
        if clients := {client for client, _ in found} - {WORKLOAD, WORKLOAD6}:
            raise Found(f"open to somebody who did not ask: {clients}")
        self._held = {address for _, address in found}
        return self._held

    def _look_into_the_kernel(self) -> None:
        if unjustified := self._open() - self.justified.may_open():
            raise Found(f"open and never justified: {unjustified}")
        if set(self.rig.elements("d4-quiet")) - {(NEIGHBOUR, CONTROL_ADDRESS)}:
            raise Found(f"the control client has more than it asked for: {self.rig.elements('d4-quiet')}")
        self.opened = max(self.opened, len(self._held))

    async def _control(self) -> None:
        """A client that is no part of this is served. Where it asks again, our own server may have been too slow."""
        for _ in range(3):
            self.controls += 1
            for _ in range(TRIES):
                try:
                    reply = await self.rig.ask(f"n{self.controls}.control.example.net", source=NEIGHBOUR)
                except TimeoutError:
                    raise Found(f"the control client had no answer\n{self.rig.log[-2000:]}") from None
                if [str(each.rdata) for each in reply.rr] == [CONTROL_ADDRESS]:
                    break
                self.asked_again += 1
            else:
                raise Found(f"the control client was told {reply}\n{self.rig.log[-2000:]}")


def _must_be_answered(query: bytes) -> bool:
    return len(query) >= 12 and not query[2] & 0x80


def _question(message: bytes) -> bytes:
    """As it stands in the message."""
    try:
        return message[12 : reading.question_of(message)[2]]
    except reading.Unreadable:
        return b""
