import pytest

from dnsguard.dns.cache import AnswerCache, CacheKey, cache_key
from dnsguard.dns.reply import StoredAnswer
from dnsguard.dns.scan import scan_answer
from tests.unit.dns.messages import answer_bytes, query, query_bytes

WWW = b"\3www\7example\3org\0"
MANY = 1_000_000


def entry(ttl: int = 300, now: float = 0.0) -> StoredAnswer:
    data = answer_bytes(query_bytes(), f"www.example.org {ttl} A 192.0.2.1")
    return StoredAnswer.make(data, scan_answer(data, WWW, 1), now)


def key(name: str) -> CacheKey:
    return name.encode(), 1, 0, b""


@pytest.mark.parametrize(("now", "fresh"), [(0.0, True), (299.9, True), (300.0, False), (1e9, False)])
def test_an_answer_is_fresh_until_its_ttl_ends(now: float, fresh: bool) -> None:
    cache = AnswerCache(10, MANY)
    kept = entry()
    cache.put(key("k"), kept)
    assert cache.get(key("k"), now) is (kept if fresh else None)
    assert len(cache) == fresh


def test_what_must_not_be_cached_is_not_and_leaves_what_was_there() -> None:
    cache = AnswerCache(10, MANY)
    kept = entry()
    cache.put(key("k"), kept)
    cache.put(key("k"), entry(ttl=0))
    assert cache.get(key("k"), 1.0) is kept


def test_the_least_recently_used_goes_first() -> None:
    cache = AnswerCache(2, MANY)
    for name in ("a", "b"):
        cache.put(key(name), entry())
    cache.get(key("a"), 1.0)
    cache.put(key("c"), entry())
    assert [name for name in "abc" if cache.get(key(name), 1.0)] == ["a", "c"]


def test_octets_are_bounded_too_and_given_back() -> None:
    cache = AnswerCache(1000, 10_000)
    for round_ in range(3):
        for i in range(100):
            cache.put(key(str(i)), entry(now=round_ * 1000.0))
        assert 0 < len(cache) < 10
        for i in range(100):
            cache.get(key(str(i)), round_ * 1000.0 + 500)
        assert len(cache) == 0
    cache.put(key("k"), entry())
    cache.put(key("k"), entry())
    cache.clear()
    assert len(cache) == 0


def test_no_entries_is_no_cache() -> None:
    cache = AnswerCache(0, MANY)
    cache.put(key("k"), entry())
    assert cache.get(key("k"), 0.0) is None


def test_a_type_is_not_folded_like_a_letter() -> None:
    """Type 65 and type 97 differ by 0x20, as letters do."""
    keys = {cache_key(query(qtype="HTTPS")), cache_key(query()._replace(question=WWW + b"\0\x61\0\1"))}
    assert len(keys) == 2


def test_client_subnets_have_answers_of_their_own() -> None:
    assert cache_key(query()) != cache_key(query()._replace(ecs=b"\0\x08\0\x07\0\x01\x18\0\xc0\0\2"))


def test_what_has_expired_can_be_had_for_as_long_as_it_is_kept() -> None:
    cache = AnswerCache(10, MANY, keep=60.0)
    kept = entry()
    cache.put(key("k"), kept)
    assert cache.get(key("k"), 300.0) is None
    assert cache.stale(key("k"), 359.9) is kept
    assert cache.stale(key("k"), 360.0) is None
    assert cache.get(key("k"), 360.0) is None
    assert len(cache) == 0
