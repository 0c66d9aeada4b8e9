from hypothesis import given
from hypothesis import strategies as st

from dnsguard.netlink import dumps, nftables
from dnsguard.netlink.expressions import VERDICT_ACCEPT, VERDICT_DROP, VERDICT_GOTO
from dnsguard.netlink.nftables import DumpedElement, Element

elements = st.builds(
    Element,
    st.binary(min_size=1, max_size=32),
    st.none() | st.integers(0, 2**40),
    st.none() | st.sampled_from([(VERDICT_DROP, None), (VERDICT_ACCEPT, None), (VERDICT_GOTO, "class-a")]),
    st.booleans(),
    st.text("abc /-", max_size=20),
)


@given(st.lists(elements, max_size=20))
def test_elements_read_back_as_written(items: list[Element]) -> None:
    messages = nftables.add_elements("t", "s", items)
    found = list(dumps.elements(message.body for message in messages))
    assert found == [
        DumpedElement(item.key, item.timeout_ms, item.timeout_ms or None, item.verdict, item.interval_end, item.comment)
        for item in items
    ]


def test_many_elements_are_cut_into_several_messages_and_none_is_lost() -> None:
    items = [Element(number.to_bytes(8, "big"), 60_000) for number in range(5_000)]
    messages = nftables.add_elements("t", "s", items)
    assert len(messages) > 1
    assert all(len(message.body) < 0xFFFF for message in messages)
    assert [element.key for element in dumps.elements(message.body for message in messages)] == [
        item.key for item in items
    ]


def test_no_elements_are_no_message() -> None:
    assert nftables.add_elements("t", "s", []) == []


def test_deleting_goes_by_key_alone() -> None:
    (message,) = nftables.delete_elements("t", "s", [Element(b"abcd", 5)])
    assert next(dumps.elements([message.body])).timeout_ms is None


def test_the_lease_path_encodes_like_the_general_one() -> None:
    quick = nftables.add_elements("t", "s", [Element(b"12345678", 60_000)])[0].body
    general = nftables.add_elements("t", "s", [Element(b"12345678", 60_000, None, True)])[0].body
    assert len(general) == len(quick) + 8
    assert quick.endswith(general[-24:])


def test_a_message_says_what_it_does() -> None:
    assert str(nftables.delete_chain("t", "class-a")) == "delete chain class-a"
    assert str(nftables.flush_set("t", "n4-a")) == "delete elements of set n4-a"


def test_a_comment_is_cut_and_stays_ascii() -> None:
    data = nftables.comment_data("ü" * 300)
    assert data[0] == 0
    assert data[1] == nftables.COMMENT_LONGEST + 1 == len(data) - 2
    assert data[2:5] == b"???"
