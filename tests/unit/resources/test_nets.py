import weakref
from collections.abc import Callable
from typing import Any

import pytest
from pydantic_core import PydanticCustomError

from dnsguard.resources.nets import Net, read_block, read_host_net, read_rule_net, read_set_net

BEYOND = "192.0.2.1/24"


def test_what_was_read_before_is_the_same_object() -> None:
    for read in (read_set_net, read_rule_net):
        net = read("192.0.2.0/24")
        assert read("192.0.2.0/24") is net
    assert read_set_net("192.0.2.0/24") is not read_set_net("192.0.2.7/24")


def test_a_long_list_is_found_again_while_anything_holds_it() -> None:
    texts = [f"198.{18 + (number >> 16)}.{number >> 8 & 255}.{number & 255}/32" for number in range(50_000)]
    nets = [read_set_net(text) for text in texts]
    assert all(read_set_net(text) is net for text, net in zip(texts, nets, strict=True))
    first = weakref.ref(nets[0])
    del nets
    assert first() is None


def test_what_one_field_takes_is_refused_in_another_each_time() -> None:
    for _ in range(2):
        assert str(read_set_net(BEYOND).network) == str(read_block(BEYOND).network) == "192.0.2.0/24"
        for read in (read_rule_net, read_host_net):
            with pytest.raises(PydanticCustomError, match=r"bits set|is a network"):
                read(BEYOND)


@pytest.mark.parametrize("read", [read_rule_net, read_set_net, read_block, read_host_net])
@pytest.mark.parametrize(
    "text", ["", "/", "192.0.2.1/", "192.0.2.1/255.255.255.0", "192.0.2.1/33", "192.0.2.1/²", "fe80::1%eth0/128", 1]
)
def test_what_is_no_network_is_refused_by_all(read: Callable[[Any], Net], text: Any) -> None:
    with pytest.raises(PydanticCustomError):
        read(text)


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("192.0.2.0/24", None),
        ("192.0.2.1", None),
        ("2001:DB8:0::/32", None),
        (BEYOND, "192.0.2.1/24 means 192.0.2.0/24"),
        ("2001:db8::1/32", "2001:db8::1/32 means 2001:db8::/32"),
    ],
)
def test_who_writes_bits_beyond_the_prefix_is_told_what_that_means(text: str, warning: str | None) -> None:
    assert read_set_net(text).warning == warning
