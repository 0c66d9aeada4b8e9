"""The owner's end: leases for a worker's answers, by the hook that leases for our own."""

from functools import partial

from dnsguard.dns.client import Client
from dnsguard.dns.hooks import Lease, LeaseOutcome
from dnsguard.forwarder.sharing.channel import Channel
from dnsguard.forwarder.sharing.messages import (
    COUNTERS,
    LEASE,
    OUTCOME,
    BadMessage,
    Reply,
    Request,
    decode_counters,
    decode_request,
    encode_reply,
)


class Desk(Channel):
    """One worker's counterpart. Belongs to one event loop."""

    peer = "a worker"

    def __init__(self, lease: Lease) -> None:
        super().__init__()
        self.counters: dict[str, int] = {}
        """What the worker counted since it started, as it last said."""

        self._lease = lease

    def hear(self, kind: int, body: bytes) -> None:
        if kind == LEASE:
            self._serve(decode_request(body))
        elif kind == COUNTERS:
            self.counters = decode_counters(body)
        else:
            raise BadMessage(f"a message of kind {kind} for the owner of the leases")

    def _serve(self, request: Request) -> None:
        # Where and how it was asked matters to judging, which the worker has done.
        client = Client(request.client, b"", "udp")
        self._lease(client, request.answer, request.age, partial(self._done, request.number))

    def _done(self, number: int, outcome: LeaseOutcome) -> None:
        self.send(OUTCOME, encode_reply(Reply(number, outcome)))
