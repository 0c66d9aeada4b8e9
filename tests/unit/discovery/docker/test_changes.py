"""Which endpoints go first, and which last."""

from collections.abc import Mapping

import pytest

from dnsguard.discovery.docker.changes import going
from dnsguard.store.interface import Key, Object


def at(name: str) -> Key:
    return Key("workloadendpoints", "docker", name)


def endpoint(container: str, port: str = "veth1", address: str = "172.17.0.2") -> Object:
    return {"spec": {"containerID": container, "interfaceName": port, "ipNetworks": [f"{address}/32"]}}


PAY, WEB = endpoint("pay"), endpoint("web")


@pytest.mark.parametrize(
    ("held", "wanted", "unsettled", "first", "last"),
    [
        pytest.param({"a": PAY}, {"a": PAY}, {}, "", "", id="one that is as wanted stays"),
        pytest.param({"a": PAY}, {}, {}, "a", "", id="one of a container that is gone goes first"),
        pytest.param({"a": PAY}, {"b": WEB}, {}, "a", "", id="before another one that has its address"),
        pytest.param({"a": PAY}, {"a": endpoint("pay", "veth2")}, {}, "a", "", id="before itself at another port"),
        pytest.param({"a": PAY}, {"b": PAY}, {}, "", "a", id="after itself under another name"),
        pytest.param({"a": PAY}, {"a": WEB, "b": PAY}, {}, "a", "", id="first where another one takes its name over"),
        pytest.param({"a": PAY}, {}, {"pay": {"172.17.0.2"}}, "", "", id="one that is not looked into yet stays"),
        pytest.param({"a": PAY}, {}, {"pay": {"172.17.0.9"}}, "a", "", id="but not with an address it has no more"),
        pytest.param({"a": PAY}, {}, {"web": {"172.17.0.2"}}, "a", "", id="nor one of another container"),
    ],
)
def test_which_go_and_when(
    held: Mapping[str, Object],
    wanted: Mapping[str, Object],
    unsettled: Mapping[str, set[str]],
    first: str,
    last: str,
) -> None:
    found = going(
        {at(name): value for name, value in wanted.items()},
        {at(name): value for name, value in held.items()},
        {name: frozenset(addresses) for name, addresses in unsettled.items()},
    )
    assert found == (frozenset(map(at, first)), frozenset(map(at, last)))
