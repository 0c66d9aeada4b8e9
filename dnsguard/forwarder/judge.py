"""May this client ask this name here? A query is traffic too."""

import logging
from collections.abc import Callable
from ipaddress import ip_address

from dnsguard.dns.client import Client
from dnsguard.dns.codes import EDE_BLOCKED, EDE_NOT_READY, EDE_PROHIBITED, REFUSED, SERVFAIL
from dnsguard.dns.relay import Refusal
from dnsguard.domains import name_text
from dnsguard.forwarder.clients import Clients, Standing
from dnsguard.forwarder.complaints import Complaints
from dnsguard.forwarder.counters import ForwarderCounters
from dnsguard.forwarder.policy import Policy
from dnsguard.forwarder.refusing import Refusing
from dnsguard.forwarder.rights import Rights
from dnsguard.leases import OUTSIDERS, LeaseBook

log = logging.getLogger(__name__)

NOT_READY = Refusal(SERVFAIL, EDE_NOT_READY, "no policy yet")
UNKNOWN = Refusal(REFUSED, EDE_PROHIBITED, "unknown workload")
STRANGER = Refusal(REFUSED, EDE_PROHIBITED, "not a client of this server")
NOT_LISTED = Refusal(REFUSED, EDE_BLOCKED, "no policy allows this name")
DENIED = Refusal(REFUSED, EDE_PROHIBITED, "policy denies DNS to this server, and no policy allows this name")


class QueryJudge:
    """The relay's judge, over the policy in force."""

    def __init__(
        self,
        clients: Clients,
        book: LeaseBook,
        counters: ForwarderCounters,
        now: Callable[[], float],
        refusing: Refusing | None = None,
    ) -> None:
        self.policy: Policy | None = None
        """None before the first snapshot."""

        self.rights: Rights | None = None
        """Where queries to other servers are intercepted: which of them policy lets through."""

        self._clients = clients
        self._book = book
        self._counters = counters
        self._now = now
        self._refusing = refusing or Refusing()
        self._complaints = Complaints(log)

    def __call__(self, client: Client, name: bytes, qtype: int) -> Refusal | None:
        address = client.address
        policy, standing = self.policy, self._clients.standing(address)
        if standing is Standing.NODE:
            return None
        if policy is None:
            self._counters.refused_not_ready += 1
            return NOT_READY
        if standing is Standing.SHARED:
            return None
        endpoint = self._book.roster.owners.get(address)
        if endpoint is not None:
            permission = policy.permissions.get(endpoint)
            if permission is not None:
                may_ask = (client.transport, client.asked) in permission.asks or (
                    self.rights is not None and self.rights.allows(endpoint, client.asked, client.transport)
                )
                if may_ask and not policy.listed_only:
                    return None
                allowed = permission.listed if may_ask else permission.feeds
                if not allowed.isdisjoint(self._book.library.names.matched(name)):
                    return None
                return self._deny(NOT_LISTED if may_ask else DENIED, endpoint, client, name, qtype)
        if standing is Standing.SERVED:
            if not policy.listed_only:
                return None
            permission = policy.permissions.get(OUTSIDERS)
            if permission is not None and not permission.listed.isdisjoint(self._book.library.names.matched(name)):
                return None
            return self._deny(NOT_LISTED, standing.value, client, name, qtype)
        self._counters.refused_unknown += 1
        refusal = UNKNOWN if standing is Standing.UNKNOWN_WORKLOAD else STRANGER
        return self._refuse(refusal, standing.value, client, name, qtype)

    def _deny(self, denial: Refusal, who: str, client: Client, name: bytes, qtype: int) -> Refusal:
        """What policy decides, as the settings want it said."""
        answer = self._refusing.answer(denial, name)
        if not answer.is_denial:
            return answer
        self._counters.refused_by_policy += 1
        return self._refuse(answer, who, client, name, qtype)

    def _refuse(self, refusal: Refusal, who: str, client: Client, name: bytes, qtype: int) -> Refusal:
        self._complaints.complain(
            (client.address, refusal.text), self._now(), "refused %s (%s) over %s to %s: %s type %d: %s",
            who, ip_address(client.address), client.transport, ip_address(client.asked), name_text(name), qtype,
            refusal.text,
        )  # fmt: skip
        return refusal
