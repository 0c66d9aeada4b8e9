"""Which DNS servers an endpoint may ask, on demand: an intercepted query is judged as if it went where it was sent.

What is judged for the forwarder's own addresses travels with each identity, see ``queryrights``. Other servers are too
many for that; forwarders ask for the ones that are asked.
"""

from collections.abc import Callable
from ipaddress import ip_address

from dnsguard.calc.compiled import Compiled, EndpointId
from dnsguard.controller.computing import egress_allows
from dnsguard.controller.egress import PROTOCOLS
from dnsguard.controller.queryrights import Allows
from dnsguard.link.messages import AskedServer, AskingRight, RightsQuery, RightsReply

_JUDGED_TOGETHER = 1_000
"""Questions after which what rules say of servers is worked out anew: each server that is asked takes memory."""


class AskingRights:
    """Judges by the policy in force. Belongs to one event loop; one question takes about 0.1 ms."""

    def __init__(self, enforced: Callable[[], Compiled | None], node: str) -> None:
        self._enforced = enforced
        self._node = node
        self._compiled: Compiled | None = None
        self._allows: Allows = lambda *_: False
        self._judged = 0

    def answer(self, query: RightsQuery) -> RightsReply | None:
        """None while no policy is in force."""
        compiled = self._enforced()
        if compiled is None:
            return None
        if compiled is not self._compiled or self._judged > _JUDGED_TOGETHER:
            self._compiled, self._allows, self._judged = compiled, egress_allows(compiled), 0
        self._judged += len(query.asked)
        return RightsReply(query.request, tuple(self._right(compiled, asked) for asked in query.asked))

    def _right(self, compiled: Compiled, asked: AskedServer) -> AskingRight:
        namespace, _, name = asked.endpoint.rpartition("/")
        endpoint = compiled.endpoints.get(EndpointId("WorkloadEndpoint", namespace, name))
        try:
            server = ip_address(asked.server)
        except ValueError:
            return AskingRight(asked.endpoint, asked.server, ())
        allowed = []
        if endpoint is not None and endpoint.is_on(self._node):
            clients = [client for client in endpoint.addresses if client.version == server.version]
            for transport, protocol in PROTOCOLS.items():
                # As in queryrights: the answer stands for the endpoint, whichever of its addresses asks.
                if clients and all(self._allows(endpoint, client, server, protocol) for client in clients):
                    allowed.append(transport)
        return AskingRight(asked.endpoint, asked.server, tuple(allowed))
