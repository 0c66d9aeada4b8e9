import contextlib
from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import given

from dnsguard.dns.hooks import LeaseOutcome
from dnsguard.dns.message import Address, Alias, Answer
from dnsguard.forwarder.sharing.messages import (
    LEASE,
    LONGEST,
    BadMessage,
    Reply,
    Request,
    decode_reply,
    decode_request,
    encode_reply,
    encode_request,
    frame,
    take,
)

labels = st.lists(st.binary(min_size=1, max_size=20), max_size=4)
names = labels.map(lambda found: b"".join(bytes((len(each),)) + each for each in found) + b"\0")
ttls = st.integers(0, 0x7FFFFFFF)
packed = st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16)


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    chain = draw(st.lists(names, min_size=1, max_size=5, unique=True))
    aliases = tuple(Alias(owner, to, draw(ttls)) for owner, to in pairwise(chain))
    addresses = draw(
        st.lists(
            st.builds(
                Address, packed, ttls, st.integers(1, len(chain)).map(lambda last: tuple(chain[:last])), st.booleans()
            ),
            max_size=5,
        )
    )
    return Answer(chain[0], draw(st.integers(0, 0xFFFF)), draw(st.integers(0, 0xFFF)), tuple(addresses), aliases)


requests = st.builds(Request, st.integers(0, 0xFFFFFFFF), packed, answers(), st.floats(0, 1e9))
outcomes = st.builds(
    LeaseOutcome, st.booleans(), st.none() | st.integers(0, 0x7FFFFFFF), st.integers(0, 0xFFFF), st.text(max_size=50),
    st.floats(0) | st.just(float("inf")),
)  # fmt: skip


@given(requests)
def test_a_request_reads_back(request: Request) -> None:
    assert decode_request(encode_request(request)) == request


@given(st.integers(0, 0xFFFFFFFF), outcomes)
def test_an_outcome_reads_back(number: int, outcome: LeaseOutcome) -> None:
    assert decode_reply(encode_reply(Reply(number, outcome))) == Reply(number, outcome)


@given(requests, st.data())
def test_what_is_cut_or_changed_is_read_or_refused(request: Request, data: st.DataObject) -> None:
    whole = bytearray(encode_request(request))
    whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    for body in (bytes(whole), cut):
        with contextlib.suppress(BadMessage):
            decode_request(body)


@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=40))), st.integers(1, 7))
def test_messages_come_out_whole_however_they_are_cut(messages: list[tuple[int, bytes]], size: int) -> None:
    stream = b"".join(frame(kind, body) for kind, body in messages)
    buffer, found = bytearray(), []
    for at in range(0, len(stream), size):
        buffer += stream[at : at + size]
        found += list(take(buffer))
    assert found == messages
    assert not buffer


@pytest.mark.parametrize("length", [0, LONGEST + 1, 0xFFFFFFFF])
def test_a_length_that_cannot_be_is_refused_at_once(length: int) -> None:
    with pytest.raises(BadMessage, match=f"a message of {length} octets"):
        list(take(bytearray(length.to_bytes(4, "big") + bytes((LEASE,)))))
