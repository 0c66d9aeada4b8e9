import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsguard.link import codec
from dnsguard.link.codec import Decoder, Message, encode, frames
from dnsguard.link.messages import Ack, LeaseSetFeed
from dnsguard.link.shape import LinkProtocolError
from tests.unit.link.strategies import feed, identity, messages, snapshot


def decoded(data: bytes, step: int | None = None) -> list[Message]:
    decoder = Decoder()
    pieces = [data] if step is None else [data[at : at + step] for at in range(0, len(data), step)]
    return [message for piece in pieces for message in decoder.feed(piece) if message is not None]


def framed(value: object) -> bytes:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return len(data).to_bytes(4, "big") + data


@given(st.lists(messages, max_size=4), st.integers(1, 40))
def test_what_is_encoded_is_decoded_however_the_bytes_are_cut(many: list[Message], step: int) -> None:
    data = b"".join(encode(message) for message in many)
    assert decoded(data) == many
    assert decoded(data, step) == many


def test_a_long_message_travels_in_several_frames_and_arrives_whole() -> None:
    many = snapshot(
        7,
        tuple(feed(f"set{n}", "example.org") for n in range(codec.SLICE + 1)),
        tuple(identity(f"shop/pod{n}", "192.0.2.1") for n in range(2 * codec.SLICE)),
    )
    parts = list(frames(many))
    assert len(parts) == 4
    decoder = Decoder()
    assert [list(decoder.feed(part)) for part in parts] == [[None], [None], [None], [many]]


def test_the_frame_is_a_length_and_json() -> None:
    assert encode(Ack(3)) == b"\x00\x00\x00\x28" + b'{"type":"ack","revision":3,"problem":""}'


@pytest.mark.parametrize(
    ("frame", "where", "reason"),
    [
        (b"nonsense", "frame", "is no JSON"),
        (b"[" * 100_000, "frame", "is no JSON"),
        (b'"\xff"', "frame", "is no JSON"),
        ([], "frame", "is no JSON object"),
        ({"revision": 1}, "type", "None is no message"),
        ({"type": ["ack"]}, "type", "is no message"),
        ({"type": "shutdown"}, "type", "'shutdown' is no message"),
        ({"type": "ack"}, "ack.revision", "is missing"),
        ({"type": "ack", "revision": "1"}, "ack.revision", "expected a whole number, found '1'"),
        ({"type": "ack", "revision": True}, "ack.revision", "expected a whole number, found True"),
        ({"type": "ack", "revision": 1, "speed": 2}, "ack.speed", "is no field"),
        ({"type": "ack", "revision": 1, "more": 2}, "ack.more", "expected true or false"),
        ({"type": "hello", "forwarder": "f", "listen": "::1", "revision": 0}, "hello.listen", "expected a list"),
        ({"type": "hello", "forwarder": "f", "listen": [1], "revision": 0}, "hello.listen[0]", "expected a string"),
        ({"type": "stats", "counters": {"q": "1"}, "upstreams": {}}, "stats.counters.q", "expected a whole number"),
        ({"type": "stats", "counters": [], "upstreams": {}}, "stats.counters", "expected an object"),
        (
            {"type": "snapshot", "revision": 1, "table": "t", "lease_sets": [{"id": "s"}], "identities": []},
            "snapshot.lease_sets[0].kernel_set_v4",
            "is missing",
        ),
        (
            {"type": "snapshot", "revision": 1, "table": "t", "lease_sets": ["s"], "identities": []},
            "snapshot.lease_sets[0]",
            "expected an object",
        ),
    ],
)
def test_what_is_not_understood_is_refused_by_place_and_reason(frame: object, where: str, reason: str) -> None:
    with pytest.raises(LinkProtocolError) as caught:
        decoded(framed(frame))
    assert caught.value.where == where
    assert reason in caught.value.reason


def test_another_message_cannot_interrupt_one_in_several_frames() -> None:
    first = framed({"type": "hello", "forwarder": "f", "listen": ["a"], "revision": 0, "more": True})
    with pytest.raises(LinkProtocolError, match="in the middle"):
        decoded(first + encode(Ack(1)))
    with pytest.raises(LinkProtocolError, match=r"hello\.revision: differs"):
        decoded(first + framed({"type": "hello", "forwarder": "f", "listen": ["b"], "revision": 1}))


def test_an_oversized_frame_is_refused_before_it_is_read() -> None:
    with pytest.raises(LinkProtocolError, match="over the limit"):
        decoded((codec.FRAME_LIMIT + 1).to_bytes(4, "big"))


def test_an_oversized_frame_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "FRAME_LIMIT", 100)
    with pytest.raises(LinkProtocolError, match="over the limit of 100"):
        encode(snapshot(1, (LeaseSetFeed("s", "a", "b", ("example.org",) * 10),)))


def test_the_items_of_one_message_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "JOINED_LIMIT", 3)
    part = framed({"type": "hello", "forwarder": "f", "listen": ["a", "b"], "revision": 0, "more": True})
    with pytest.raises(LinkProtocolError, match="more than 3 list items"):
        decoded(part + part)


@given(st.binary(max_size=60))
def test_any_garbage_is_refused_with_our_error_or_waits_for_more(data: bytes) -> None:
    try:
        decoded(framed(data))
    except LinkProtocolError:
        return
    raise AssertionError("garbage became a message")
