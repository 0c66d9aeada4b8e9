"""What stands in the sets of leases, read the quick way, beside what the reader of everything says."""

import pytest

from dnsguard.netlink import dumps, nftables
from dnsguard.netlink.codec import MalformedMessageError
from dnsguard.netlink.nftables import Element
from dnsguard.netlink.socket import NetfilterSocket
from tests.support.netns import namespace

TABLE = "dnsguard-test"


@pytest.mark.parametrize(("kind", "half"), [(7, 4), (8, 16)])
def test_both_read_the_same_and_damage_is_found(kind: int, half: int) -> None:
    with namespace() as node, node.entered(), NetfilterSocket() as kernel:
        keys = [bytes(half - 2) + number.to_bytes(2, "big") + bytes(half) for number in range(2_000)]
        kernel.transact([
            nftables.add_table(TABLE),
            nftables.add_set(
                TABLE, "leases", key_type=kind << 6 | kind, key_length=2 * half, flags=nftables.SET_TIMEOUT
            ),
            *nftables.add_elements(
                TABLE, "leases", [Element(key, 600_000 + 1_000 * at) for at, key in enumerate(keys)]
            ),
        ])  # fmt: skip
        bodies = kernel.dump(nftables.list_request(nftables.GET_ELEMENT, TABLE, "leases"), list)
    found = list(dumps.expiries(bodies))
    assert found == [(element.key, element.expires_ms) for element in dumps.elements(bodies)]
    assert sorted(key for key, _ in found) == keys
    for cut in range(len(bodies[0]) - 200, len(bodies[0])):
        with pytest.raises(MalformedMessageError):
            list(dumps.expiries([bodies[0][:cut]]))
