"""Addresses, and the workloads that say they are theirs."""

from collections.abc import Iterable, Iterator

from dnsguard.calc.advice import Advice
from dnsguard.calc.compiled import Address, EndpointId
from dnsguard.calc.endpoints import Endpoint, EndpointChange


class AddressClaims:
    """Tells when several workloads claim one address."""

    def __init__(self, advice: Advice) -> None:
        self._advice = advice
        self._claims: dict[Address, set[EndpointId]] = {}

    def apply(self, changes: Iterable[EndpointChange]) -> None:
        """Takes on endpoints that have changed."""
        for _, before, after in changes:
            was, now = _claimed(before), _claimed(after)
            for address, identity in was - now:
                self._claims[address].remove(identity)
                self._advise(address)
            for address, identity in now - was:
                self._claims.setdefault(address, set()).add(identity)
                self._advise(address)

    def _advise(self, address: Address) -> None:
        claims = self._claims[address]
        if not claims:
            del self._claims[address]
        self._advice.say((AddressClaims, address), _contest(address, sorted(claims)) if len(claims) > 1 else ())


def _claimed(endpoint: Endpoint | None) -> set[tuple[Address, EndpointId]]:
    if endpoint is None or not endpoint.is_workload:
        return set()
    return {(address, endpoint.id) for address in endpoint.addresses}


def _contest(address: Address, claims: list[EndpointId]) -> Iterator[str]:
    first, *others = claims
    for identity in others:
        yield f"{identity.kind} {identity}: {first} has the address {address} too, and gets its packets"
