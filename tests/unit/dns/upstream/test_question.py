import pytest
from dnslib import DNSRecord
from hypothesis import given
from hypothesis import strategies as st

from dnsguard.dns.scan import scan_query
from dnsguard.dns.synthesis import opt_record
from dnsguard.dns.upstream.entropy import Entropy
from dnsguard.dns.upstream.question import Question, encode, padded, randomise_case
from tests.unit.dns.messages import query, query_bytes

ECS = bytes.fromhex("00080007000118 00c00002")
NAME = b"\3www\7example\3org\0"


@pytest.mark.parametrize(
    ("random", "cased"),
    [
        (b"\x00" * 17, NAME),
        (b"\xff" * 17, b"\3WWW\7EXAMPLE\3ORG\0"),
        (b"\x20" * 17, b"\3WWW\7EXAMPLE\3ORG\0"),
        (b"\xdf" * 17, NAME),
        (b"\0\x20" + b"\0" * 15, b"\3Www\7example\3org\0"),
    ],
)
def test_only_letters_change_and_only_by_bit_0x20(random: bytes, cased: bytes) -> None:
    assert randomise_case(NAME, random) == cased


@given(st.lists(st.binary(min_size=1, max_size=63), max_size=3), st.data())
def test_casing_never_changes_the_name(labels: list[bytes], data: st.DataObject) -> None:
    name = (b"".join(bytes([len(label)]) + label for label in labels) + b"\0").lower()
    cased = randomise_case(name, data.draw(st.binary(min_size=len(name), max_size=len(name))))
    assert cased.lower() == name
    assert [a for a, b in zip(name, cased, strict=True) if not chr(a).isascii() or not chr(a).isalpha()] == [
        b for a, b in zip(name, cased, strict=True) if not chr(a).isascii() or not chr(a).isalpha()
    ]


LABEL = st.lists(st.integers(0, 127), min_size=1, max_size=63).map(bytes)  # dnslib, which looks at it here, takes ASCII


@given(st.lists(LABEL, max_size=3), st.booleans(), st.sampled_from([b"", ECS]))
def test_padding_makes_lengths_multiples_and_changes_nothing_else(labels: list[bytes], do: bool, ecs: bytes) -> None:
    name = (b"".join(bytes([len(label)]) + label for label in labels) + b"\0").lower()
    question = Question(name, 1, 0x100, b"\0\1\0\1", opt_record(do, ecs))
    plain = encode(question, 7, name)
    data = padded(plain)
    assert len(data) % 128 == 0
    assert data.startswith(plain[: -len(question.opt)])
    assert set(data[len(plain) + 4 :]) <= {0}
    options = DNSRecord.parse(data).ar[0].rdata
    assert [option.code for option in options] == ([8, 12] if ecs else [12])
    assert padded(encode(question._replace(opt=b""), 7, name)) == encode(question._replace(opt=b""), 7, name)


def test_what_concerns_only_us_and_the_client_stays_between_us() -> None:
    asked = query_bytes(edns=4096, do=True)
    cookie = b"\0\x0a\0\x08cookie!!"
    subnet = b"\0\x08\0\x07\0\x01\x18\0\xc0\0\2"
    data = asked[:-2] + len(cookie + subnet).to_bytes(2, "big") + cookie + subnet
    sent = encode(Question.of(scan_query(data)), 99, NAME)
    assert sent.endswith(subnet)
    assert cookie not in sent
    record = DNSRecord.parse(sent)
    assert (record.header.id, record.header.rd, record.ar[0].edns_len, record.ar[0].edns_do) == (99, 1, 1232, 1)


def test_opt_is_always_sent() -> None:
    assert DNSRecord.parse(encode(Question.of(query()), 1, NAME)).ar[0].edns_len == 1232


def test_the_probe_is_a_query_like_any_other() -> None:
    probe = Question.probe()
    record = DNSRecord.parse(encode(probe, 5, probe.name))
    assert (str(record.q.qname), record.q.qtype, record.header.rd) == (".", 2, 1)


def test_entropy_is_given_out_once_and_fetched_in_bulk() -> None:
    fetched: list[int] = []

    def source(count: int) -> bytes:
        fetched.append(count)
        return bytes(i % 251 for i in range(count))

    entropy = Entropy(source)
    taken = b"".join(entropy.take(5) for _ in range(1000))
    assert taken == source(len(taken))
    assert len(fetched) == 2
    assert 0 <= entropy.number() <= 0xFFFF
