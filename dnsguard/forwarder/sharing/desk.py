"""The owner's end: leases for a worker's answers, by the hook that leases for our own."""

import logging
from functools import partial

from dnsguard.dns.client import Client
from dnsguard.dns.hooks import Lease, LeaseOutcome
from dnsguard.forwarder.sharing.channel import Channel
from dnsguard.forwarder.sharing.messages import (
    COUNTERS,
    FORGET,
    LEASE,
    OUTCOME,
    BadMessage,
    Reply,
    Request,
    decode_counters,
    decode_request,
    encode_reply,
)

log = logging.getLogger(__name__)


class Desk(Channel):
    """One worker's counterpart. Belongs to one event loop."""

    peer = "a worker"

    def __init__(self, lease: Lease) -> None:
        super().__init__()
        self.counters: dict[str, int] = {}
        """What the worker counted since it started, as it last said."""

        self.heard = False
        """Whether the worker has said anything since this was last set to False."""

        self._lease = lease
        self._forgotten = 0
        """How often we were told to forget."""

    def forget(self) -> None:
        """What was said of leases so far may not hold any more; nor does what is asked and not yet answered."""
        self._forgotten += 1
        self.send(FORGET, b"")

    def hear(self, kind: int, body: bytes) -> None:
        self.heard = True
        if kind == LEASE:
            self._serve(decode_request(body))
        elif kind == COUNTERS:
            self.counters = decode_counters(body)
        else:
            raise BadMessage(f"a message of kind {kind} for the owner of the leases")

    def _serve(self, request: Request) -> None:
        # Where and how it was asked matters to judging, which the worker has done.
        client = Client(request.client, b"", "udp")
        done = partial(self._done, request.number, self._forgotten)
        try:
            self._lease(client, request.answer, request.age, done)
        except Exception:  # as with our own queries, where the relay does this: one answer ends no worker
            log.exception("the lease hook failed")
            done(LeaseOutcome(ok=False, text="leases could not be written"))

    def _done(self, number: int, forgotten: int, outcome: LeaseOutcome) -> None:
        if forgotten != self._forgotten:
            outcome = outcome._replace(again_until=0.0)
        self.send(OUTCOME, encode_reply(Reply(number, outcome)))
