"""A netlink socket to nf_tables: transactions that happen whole or not at all, and dumps.

Every process, and every thread, opens its own. The kernel works through a batch inside ``send``, so the
acknowledgement is there when ``send`` returns; it also takes the table's lock there, which is the one wait that
nothing can cut short.
"""

import contextlib
import errno
import os
import socket
import time
from collections.abc import Callable, Sequence
from struct import Struct, unpack_from
from types import TracebackType
from typing import Self, TypeVar

from dnsguard.errors import DnsguardError
from dnsguard.netlink import dumps
from dnsguard.netlink.codec import HEADER_LENGTH, attributes, header, packets, string
from dnsguard.netlink.nftables import FLAG_ACK, FLAG_REQUEST, GET_GENERATION, SUBSYSTEM, Message, of_family

_SOL_NETLINK, _CAP_ACK, _EXT_ACK = 270, 10, 11
_SO_SNDBUFFORCE, _SO_RCVBUFFORCE = 32, 33
_NETLINK_NETFILTER = 12
_DONT_WAIT = socket.MSG_DONTWAIT
_ERROR, _DONE = 2, 3
_BATCH_BEGIN, _BATCH_END = 16, 17
_DUMP_INTERRUPTED, _CAPPED, _EXTENDED = 0x10, 0x100, 0x200
_REQUEST_AND_ACK = FLAG_REQUEST | FLAG_ACK
_HEADER = Struct("=IHHII")
_EDGE = Struct("=IHHIIBBH")
"""Begin and end of a batch, with the subsystem as resource id."""
_RESOURCE = socket.htons(SUBSYSTEM)
_END = _EDGE.pack(_EDGE.size, _BATCH_END, FLAG_REQUEST, 0, 0, 0, 0, _RESOURCE)
"""The kernel never answers to it, so it needs no sequence number."""
_DUMP_DATAGRAM = 1 << 16
"""The kernel fills at most 32 KB of it."""
_ANSWER_DATAGRAM = 4096
"""An error carries the header at fault and a sentence; a larger buffer costs more to allocate than all the rest."""
_ANSWER = Struct("=IHHIIi")
_DUMP_ATTEMPTS = 5
_DUMP_SECONDS = 2.0
_SILENCE = 5.0
"""Seconds without a word in the middle of a list, however long the whole may take: then the socket is dead."""

_SUBSYSTEM_HIGH = SUBSYSTEM << 8

Parsed = TypeVar("Parsed")


_HINTS = {
    errno.ENFILE: "the set is full",
    errno.EOPNOTSUPP: "the kernel says so where it has no nf_tables",
    errno.EPROTONOSUPPORT: "the kernel says so where it has no netfilter",
    errno.EPERM: "it takes CAP_NET_ADMIN",
}
"""What people should look for, where the kernel itself says no more."""


class NetlinkError(DnsguardError):
    """The kernel refused a request. Of a batch, nothing was changed."""

    def __init__(self, number: int, index: int | None, subject: str, detail: str = "") -> None:
        detail = detail or _HINTS.get(number, "")
        said = f" ({detail})" if detail else ""
        super().__init__(f"{subject}: {os.strerror(number)}{said}")
        self.errno = number
        self.index = index
        """Position of the message at fault in the batch; None when it is the batch as a whole."""
        self.subject = subject
        self.detail = detail


class NoAcknowledgementError(DnsguardError):
    """The kernel did not answer before the deadline; whether the batch happened is not known."""


class NetfilterSocket:
    """One connection to nf_tables. Not for use by two threads at once.

    ``buffer_bytes`` bounds a batch; beyond the system's limit it is granted to root of the machine only, so callers
    cut what is large into several transactions (250 rules fit the default). What must happen at once can be large: a
    policy that selects 10 000 endpoints changes 40 000 elements of maps, 5 MB, and a label of network sets a million
    ranges, 70 MB. What does not fit keeps everybody's changes from the kernel. No memory is taken before it is used.

    A socket on which something could not be sent, or was not answered, is given up for a new one: no request after it
    suffers from what was wrong with it.
    """

    def __init__(self, buffer_bytes: int = 512 << 20) -> None:
        """Raises `NetlinkError`: this kernel has no such sockets, or this process may have none."""
        self._buffer_bytes = buffer_bytes
        try:
            self._socket = _opened(buffer_bytes)
        except OSError as error:
            raise NetlinkError(error.errno or errno.EIO, None, "a netlink socket for netfilter") from None
        self._sequence = int.from_bytes(os.urandom(3), "big")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    @property
    def batch_bytes(self) -> int:
        """How large a batch may be."""
        return self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)

    def fileno(self) -> int:
        return self._socket.fileno()

    def transact(self, messages: Sequence[Message], deadline_s: float = 5.0) -> None:
        """Do all of ``messages`` or none, and return when the kernel has acknowledged them.

        Raises `NetlinkError` for the first message that was refused, or for the batch (EMSGSIZE: cut it into
        several), and `NoAcknowledgementError` after ``deadline_s`` seconds without an answer.
        """
        if not messages:
            return
        first = sequence = self._next_sequences(len(messages) + 1)
        last = first + len(messages)
        pack_header = _HEADER.pack
        parts = [_EDGE.pack(_EDGE.size, _BATCH_BEGIN, FLAG_REQUEST, first, 0, 0, 0, _RESOURCE)]
        for kind, flags, body, _ in messages:
            sequence += 1
            flags |= FLAG_REQUEST if sequence != last else _REQUEST_AND_ACK
            parts += pack_header(len(body) + HEADER_LENGTH, _SUBSYSTEM_HIGH | kind, flags, sequence, 0), body
        parts.append(_END)
        batch = b"".join(parts)
        try:
            self._socket.send(batch)
        except OSError as error:
            number = error.errno or errno.EIO
            subject = f"batch of {len(messages)}, {len(batch)} bytes, first {messages[0]}"
            if number != errno.EMSGSIZE:
                self._open_anew()
            raise NetlinkError(number, None, subject, self._limit() if number == errno.EMSGSIZE else "") from None
        try:
            self._await_acknowledgement(messages, first, deadline_s)
        except NoAcknowledgementError:
            self._open_anew()
            raise

    def _given_up(self, subject: str, error: OSError | NoAcknowledgementError) -> NoAcknowledgementError:
        """The error to raise, after the socket has been given up."""
        self._open_anew()
        return NoAcknowledgementError(f"{subject}: {error.strerror}") if isinstance(error, OSError) else error

    def _open_anew(self) -> None:
        """Where even that is refused, stay with what there is; the next failure tries again."""
        with contextlib.suppress(OSError):
            renewed = _opened(self._buffer_bytes)
            self._socket.close()
            self._socket = renewed

    def _await_acknowledgement(self, messages: Sequence[Message], first: int, deadline_s: float) -> None:
        """``first`` is the sequence number of the batch's begin; those of its messages follow."""
        refused: NetlinkError | None = None
        give_up = None
        last = first + len(messages)
        while True:
            try:
                datagram = self._socket.recv(_ANSWER_DATAGRAM, _DONT_WAIT)
            except BlockingIOError:
                give_up = give_up or time.monotonic() + deadline_s
                self._wait_readable(give_up, f"batch of {len(messages)}, first {messages[0]}")
                continue
            except OSError as error:  # ENOBUFS: answers were lost, so what happened is not known
                raise NoAcknowledgementError(
                    f"batch of {len(messages)}, first {messages[0]}: {error.strerror}"
                ) from None
            _, kind, _, sequence, _, status = _ANSWER.unpack_from(datagram)
            if kind != _ERROR or not first <= sequence <= last:
                continue  # left over from a batch that was given up
            if status and refused is None:
                refused = _refusal(datagram, messages, sequence - first - 1)
            if sequence == last or (status and sequence == first):
                if refused is not None:
                    raise refused
                return

    def generation(self, deadline_s: float = 5.0) -> int:
        """How often the rules of this network have been changed, by anybody; each transaction counts one. Wraps around.

        Raises `NoAcknowledgementError` after ``deadline_s`` seconds without an answer.
        """
        try:
            return self._generation(deadline_s)
        except (OSError, NoAcknowledgementError) as error:
            raise self._given_up("the generation of the rules", error) from None

    def _generation(self, deadline_s: float) -> int:
        give_up = time.monotonic() + deadline_s
        number = self._next_sequences(1)
        body = bytes(4)
        self._socket.send(header(len(body), _SUBSYSTEM_HIGH | GET_GENERATION, FLAG_REQUEST, number) + body)
        while True:
            try:
                datagram = self._socket.recv(_ANSWER_DATAGRAM, _DONT_WAIT)
            except BlockingIOError:
                self._wait_readable(give_up, "the generation of the rules")
                continue
            for kind, flags, sequence, answer in packets(datagram):
                if sequence == number and kind == _ERROR:
                    refused = -unpack_from("=i", answer)[0]
                    raise NetlinkError(refused, None, "the generation of the rules", _detail(flags, answer))
                if sequence == number:
                    return dumps.generation(answer)

    def ask(self, requests: Sequence[Message], deadline_s: float = 5.0) -> list[bytes | None]:
        """What the kernel says of each single thing that is asked for; ``None`` where there is no such thing.

        The requests travel together, in one datagram. Raises `NetlinkError` for the first that is refused otherwise,
        and `NoAcknowledgementError` after ``deadline_s`` seconds.
        """
        try:
            return self._ask(requests, deadline_s)
        except (OSError, NoAcknowledgementError) as error:
            raise self._given_up(f"questions about {requests[0].subject} and others", error) from None

    def _ask(self, requests: Sequence[Message], deadline_s: float) -> list[bytes | None]:
        give_up = time.monotonic() + deadline_s
        first = self._next_sequences(len(requests))
        self._socket.send(
            b"".join(
                header(len(body), _SUBSYSTEM_HIGH | kind, flags | FLAG_REQUEST, number) + body
                for number, (kind, flags, body, _) in enumerate(requests, first)
            )
        )
        answers: list[bytes | None] = [None] * len(requests)
        left = len(requests)
        while left:
            try:
                datagram = self._socket.recv(_ANSWER_DATAGRAM, _DONT_WAIT)
            except BlockingIOError:
                self._wait_readable(give_up, f"questions about {requests[0].subject} and others")
                continue
            for kind, flags, sequence, body in packets(datagram):
                index = sequence - first
                if not 0 <= index < len(requests):
                    continue  # left over from questions that were given up
                left -= 1
                if kind != _ERROR:
                    answers[index] = body
                elif (refused := -unpack_from("=i", body)[0]) != errno.ENOENT:
                    raise NetlinkError(refused, index, requests[index].subject, _detail(flags, body))
        return answers

    def dump(self, request: Message, parse: Callable[[list[bytes]], Parsed], deadline_s: float = 30.0) -> Parsed:
        """What ``parse`` makes of the answers to a list request.

        A dump that a change of the table interrupted is repeated, five times at most and as long as that has taken less
        than two seconds: that of a million elements takes half a minute. Then it is taken as it is:
        under steady DNS traffic the sets never hold still. A hash set that has just grown is moved in the background,
        and the kernel does not say that a list taken meanwhile lacks elements.
        Raises `NetlinkError` (ENOENT: no such table or set), `NoAcknowledgementError`.
        """
        enough = time.monotonic() + _DUMP_SECONDS
        for _ in range(_DUMP_ATTEMPTS):
            try:
                bodies, interrupted = self._dump_once(request, deadline_s)
            except (OSError, NoAcknowledgementError) as error:
                raise self._given_up(f"list of {request.subject}", error) from None
            if not interrupted or time.monotonic() > enough:
                break
        return parse(bodies)

    def _dump_once(self, request: Message, deadline_s: float) -> tuple[list[bytes], bool]:
        give_up = time.monotonic() + deadline_s
        number = self._next_sequences(1)
        kind, flags, body, _ = request
        self._socket.send(header(len(body), _SUBSYSTEM_HIGH | kind, flags | FLAG_REQUEST, number) + body)
        bodies: list[bytes] = []
        interrupted = False
        heard = 0.0  # since when we wait for the next word; 0: we do not
        while True:
            try:
                datagram = self._socket.recv(_DUMP_DATAGRAM, _DONT_WAIT)
            except BlockingIOError:
                heard = heard or time.monotonic()
                self._wait_readable(min(give_up, heard + _SILENCE), f"list of {request.subject}")
                continue
            heard = 0.0
            for kind, flags, sequence, body in packets(datagram):
                if sequence != number:
                    continue
                interrupted = interrupted or bool(flags & _DUMP_INTERRUPTED)
                if kind == _DONE:
                    return bodies, interrupted
                if kind == _ERROR:
                    refused = -unpack_from("=i", body)[0]
                    if refused == errno.EINTR:
                        return bodies, True
                    detail = _detail(flags, body)
                    if refused == errno.EINVAL:  # to lists, unlike changes
                        detail = detail or _HINTS[errno.EOPNOTSUPP]
                    raise NetlinkError(refused, None, f"list of {request.subject}", detail)
                bodies.append(body)

    def _wait_readable(self, give_up: float, subject: str) -> None:
        left = give_up - time.monotonic()
        if left <= 0:
            raise NoAcknowledgementError(f"{subject}: the kernel did not answer in time")
        self._socket.settimeout(left)
        try:
            with contextlib.suppress(TimeoutError):
                self._socket.recv(1, socket.MSG_PEEK)
        finally:
            self._socket.settimeout(None)

    def _limit(self) -> str:
        return (
            f"this socket takes {self.batch_bytes}; root of the machine may raise that, others up to net.core.wmem_max"
        )

    def _next_sequences(self, count: int) -> int:
        first = self._sequence
        if first + count > 0xFFFFFFFF:
            first = 1
        self._sequence = first + count
        return first


class FamilySocket(NetfilterSocket):
    """The same for tables of another family: what is asked of it is about those."""

    def __init__(self, family: int, buffer_bytes: int = 512 << 20) -> None:
        super().__init__(buffer_bytes)
        self._family = family

    def transact(self, messages: Sequence[Message], deadline_s: float = 5.0) -> None:
        super().transact([of_family(message, self._family) for message in messages], deadline_s)

    def ask(self, requests: Sequence[Message], deadline_s: float = 5.0) -> list[bytes | None]:
        return super().ask([of_family(request, self._family) for request in requests], deadline_s)

    def dump(self, request: Message, parse: Callable[[list[bytes]], Parsed], deadline_s: float = 30.0) -> Parsed:
        return super().dump(of_family(request, self._family), parse, deadline_s)


def _opened(buffer_bytes: int) -> socket.socket:
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_NETFILTER)
    for option in _CAP_ACK, _EXT_ACK:
        opened.setsockopt(_SOL_NETLINK, option, 1)
    for forced, usual in ((_SO_SNDBUFFORCE, socket.SO_SNDBUF), (_SO_RCVBUFFORCE, socket.SO_RCVBUF)):
        try:
            opened.setsockopt(socket.SOL_SOCKET, forced, buffer_bytes)
        except PermissionError:
            opened.setsockopt(socket.SOL_SOCKET, usual, buffer_bytes)
    opened.bind((0, 0))
    opened.connect((0, 0))  # from now on only the kernel can send to us
    return opened


def _refusal(datagram: bytes, messages: Sequence[Message], index: int) -> NetlinkError:
    answer = next(packets(datagram))
    number = -unpack_from("=i", answer.body)[0]
    detail = _detail(answer.flags, answer.body)
    if index < 0:
        return NetlinkError(number, None, f"batch of {len(messages)}, first {messages[0]}", detail)
    return NetlinkError(number, index, str(messages[index]), detail)


def _detail(flags: int, body: bytes) -> str:
    """The kernel's own words, if it sent any."""
    if not flags & _EXTENDED:
        return ""
    echoed = HEADER_LENGTH if flags & _CAPPED else (unpack_from("=I", body, 4)[0] + 3) & ~3
    return next((string(payload) for kind, payload in attributes(body, 4 + echoed) if kind == 1), "")
