"""Transactions are small where chains are few, fewer and larger where they are many, and within what a socket takes."""

import pytest

from dnsguard.dataplane.delta import MOST_BYTES, MOST_MESSAGES, chunks
from dnsguard.netlink.nftables import NEW_RULE, Message


@pytest.mark.parametrize(
    ("chains", "largest", "bytes_each", "expected"),
    [
        (10, 1 << 20, 100, [MOST_MESSAGES] * 4),
        (3_500, 1 << 20, 100, [4 * MOST_MESSAGES]),
        (10, 1 << 20, MOST_BYTES // 100, [100] * 10),
        (3_500, 1 << 20, MOST_BYTES // 100, [400, 400, 200]),
        (3_500, 4 * MOST_BYTES // 3, MOST_BYTES // 100, [100] * 10),
    ],
)
def test_messages_are_cut(chains: int, largest: int, bytes_each: int, expected: list[int]) -> None:
    messages = [Message(NEW_RULE, 0, bytes(bytes_each), str(number)) for number in range(1_000)]
    made = list(chunks(messages, chains, largest))
    assert [len(chunk) for chunk in made] == expected
    assert [message for chunk in made for message in chunk] == messages
