"""A record is one line of valid JSON, whatever a name, a text or a number in it is."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsguard.domains import wire_name
from dnsguard.observe.record import (
    MAX_ADDRESSES,
    MAX_ALIASES,
    MAX_NAMED,
    MAX_SETS,
    Leased,
    Match,
    Record,
    Withheld,
    time_text,
    unlogged_line,
)

WWW = b"\3www\7example\3org\0"
LONGEST = b"".join(b"\x3f" + bytes([byte]) * 63 for byte in (0, 0xFF, 0x0A)) + b"\x3d" + b'"' * 61 + b"\0"


def record(**fields: Any) -> Record:
    usual = Record(
        time=1_767_323_045.678,
        client="shop/web",
        client_address=b"\x0a\0\0\2",
        asked_address=b"\x0a\0\0\1",
        transport="udp",
        name=WWW,
        qtype=1,
        rcode=0,
        source="cache",
        total=0.000_25,
    )
    return usual._replace(**fields)


def read(made: Record) -> dict[str, Any]:
    line = made.line()
    assert line.isascii()
    assert line.isprintable()
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_plain_answer() -> None:
    assert read(record()) == {
        "time": "2026-01-02T03:04:05.678Z",
        "type": "LOG",
        "client": "shop/web",
        "client_ip": "10.0.0.2",
        "asked_ip": "10.0.0.1",
        "transport": "udp",
        "qname": "www.example.org",
        "qtype": "A",
        "rcode": "NOERROR",
        "source": "cache",
        "total_ms": 0.25,
    }


def test_an_answer_with_everything() -> None:
    made = record(
        source="upstream",
        server="192.0.2.53:53",
        aliases=[(WWW, b"\1x\0", 30)],
        addresses=[(b"\xc0\0\2\1", 60, (WWW, b"\1x\0"), False), (bytes(15) + b"\1", 5, (WWW,), True)],
        matches=[Match("web", ("*.example.org",), ("NetworkPolicy/shop/names",)), Match("other", ("x",))],
        leased=[Leased("web", 89.6)],
        asked=0.0125,
        held=0.0005,
    )
    found = read(made)
    assert found["upstream"] == "192.0.2.53:53"
    assert found["aliases"] == [{"name": "www.example.org", "target": "x", "ttl": 30}]
    assert found["addresses"] == [{"ip": "192.0.2.1", "ttl": 60}, {"ip": "::1", "ttl": 5, "hint": True}]
    assert found["policy_match"] == [
        {"set": "web", "patterns": ["*.example.org"], "policies": ["NetworkPolicy/shop/names"]},
        {"set": "other", "patterns": ["x"]},
    ]
    assert found["leased"] == [{"set": "web", "seconds": 90}]
    assert (found["upstream_ms"], found["lease_ms"]) == (12.5, 0.5)


def test_what_was_not_opened_and_why_is_told() -> None:
    private = "in 10.0.0.0/8 of unleased_nets"
    found = read(
        record(withheld=[Withheld(b"\x0a\x32\0\x09", private), Withheld(b"\x0a\x32\0\x0a", private),
                         Withheld(b"\x7f\0\0\1", "loopback")])
    )  # fmt: skip
    assert found["withheld"] == ["10.50.0.9", "10.50.0.10", "127.0.0.1"]
    assert found["withheld_reasons"] == [private, "loopback"]
    assert not {"withheld", "withheld_reasons"} & read(record()).keys()


def test_what_counts_for_the_whole_node_says_so_where_it_opens_something() -> None:
    assert read(record(leased=[Leased("web", 90.0)], node_wide=True))["node_wide"] is True
    assert "node_wide" not in read(record(leased=[Leased("web", 90.0)]))
    assert "node_wide" not in read(record(node_wide=True))


def test_a_refusal_says_why() -> None:
    found = read(record(rcode=5, source="policy", extended=18, text='policy denies "it"'))
    assert (found["rcode"], found["extended_error"], found["extended_text"]) == ("REFUSED", 18, 'policy denies "it"')


@pytest.mark.parametrize(
    ("name", "written"),
    [
        (b"\0", "."),
        (b"\x0bwww.example\3org\0", r"www\.example.org"),
        (b"\5a\nb\"\\\0", r"a\010b\"\\"),
        (b"\1\xff\0", r"\255"),
        (b"\2\r\0\0", r"\013\000"),
        (b"\6\x1b[31m}\0", r"\027[31m}"),
    ],
)  # fmt: skip
def test_a_hostile_name_is_escaped_and_stays_one_name(name: bytes, written: str) -> None:
    assert read(record(name=name))["qname"] == written
    assert wire_name(written) == name


def test_numbers_without_a_mnemonic_have_a_form() -> None:
    found = read(record(qtype=65_280, rcode=12))
    assert (found["qtype"], found["rcode"]) == ("TYPE65280", "RCODE12")


def test_what_one_answer_makes_a_line_hold_is_bounded_and_the_rest_is_counted() -> None:
    made = record(
        name=LONGEST,
        text="x" * 100_000,
        aliases=[(LONGEST, LONGEST, 2**31)] * 40,
        addresses=[(bytes(range(16)), 2**31, (LONGEST,), True)] * 4000,
        matches=[Match("s" * 60, ("*." + "y" * 251,) * 100, ("GlobalNetworkPolicy/" + "z" * 253,) * 100)] * 100,
        leased=[Leased("s" * 60, 1e9)] * 100,
        withheld=[Withheld(bytes(range(16)), f"in ::{number}/128 of unleased_nets") for number in range(4000)],
    )
    assert len(made.line()) < 64 * 1024
    found = read(made)
    for key, most, count in (
        ("aliases", MAX_ALIASES, 40), ("addresses", MAX_ADDRESSES, 4000), ("policy_match", MAX_SETS, 100),
        ("leased", MAX_SETS, 100), ("withheld", MAX_ADDRESSES, 4000), ("withheld_reasons", MAX_NAMED, 4000),
    ):  # fmt: skip
        assert (len(found[key]), found[f"{key}_left_out"]) == (most, count - most)
    assert len(found["policy_match"][0]["patterns"]) == MAX_NAMED


labels = st.lists(st.binary(min_size=1, max_size=63), max_size=8)
names = labels.map(lambda parts: b"".join(bytes([len(part)]) + part for part in parts)[:254] + b"\0").filter(
    lambda wire: _ends_at_its_end(wire)
)


def _ends_at_its_end(wire: bytes) -> bool:
    position = 0
    while position < len(wire) and wire[position]:
        position += 1 + wire[position]
    return position == len(wire) - 1


texts = st.text(max_size=30)
addresses = st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16)
seconds = st.floats(0, 1e6, allow_nan=False)
numbers = st.integers(0, 65_535)
records = st.builds(
    Record,
    time=st.floats(0, 4e9, allow_nan=False),
    client=texts,
    client_address=addresses,
    asked_address=addresses,
    transport=st.sampled_from(["udp", "tcp"]),
    name=names,
    qtype=numbers,
    rcode=st.integers(0, 4095),
    source=st.sampled_from(["upstream", "cache", "policy", "limit", "error"]),
    total=seconds,
    extended=st.none() | numbers,
    text=texts,
    server=texts,
    aliases=st.lists(st.tuples(names, names, numbers), max_size=3),
    addresses=st.lists(st.tuples(addresses, numbers, st.just(()), st.booleans()), max_size=3),
    matches=st.lists(
        st.builds(Match, texts, st.lists(texts, max_size=3).map(tuple), st.lists(texts, max_size=3).map(tuple)),
        max_size=3,
    ),
    leased=st.lists(st.builds(Leased, texts, seconds), max_size=3),
    node_wide=st.booleans(),
    withheld=st.lists(st.builds(Withheld, addresses, texts), max_size=3),
    asked=seconds,
    held=seconds,
)


@given(records)
def test_every_record_is_one_line_of_json_that_says_the_same(made: Record) -> None:
    found = read(made)
    assert found["client"] == made.client
    assert wire_name(found["qname"]) == made.name.lower()
    assert found.get("extended_text", "") == made.text
    assert [each["set"] for each in found.get("policy_match", [])] == [each.lease_set for each in made.matches]
    assert [each["patterns"] for each in found.get("policy_match", [])] == [list(m.patterns) for m in made.matches]
    assert [wire_name(each["target"]) for each in found.get("aliases", [])] == [a[1].lower() for a in made.aliases]


@given(st.floats(0, 4e9, allow_nan=False), st.integers(0), texts, addresses)
def test_a_gap_is_one_line_of_json(time: float, count: int, reason: str, client: bytes) -> None:
    line = unlogged_line(time, count, reason, client)
    assert line.isprintable()
    found = json.loads(line)
    assert (found["type"], found["count"], found["reason"]) == ("UNLOGGED", count, reason)


@pytest.mark.parametrize(
    ("time", "text"), [(0.0, "1970-01-01T00:00:00.000Z"), (951_782_400.0, "2000-02-29T00:00:00.000Z"),
                       (1.999_9, "1970-01-01T00:00:01.999Z")],
)  # fmt: skip
def test_times(time: float, text: str) -> None:
    assert time_text(time) == text
