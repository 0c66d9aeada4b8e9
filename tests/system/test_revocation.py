"""The controller, real packets: connections end with what allowed them, and with nothing else, restarts included.

What has to last is TCP: the kernel forgets others within half a minute, and a machine may be slow."""

import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dnsguard.dataplane.naming import COUNTER_REVOKED
from dnsguard.dataplane.settings import Settings
from tests.support.netns import namespace
from tests.support.road import Road, road
from tests.support.talk import TCP, UDP, Talk, talk
from tests.system.controller import Controller, until

pytestmark = pytest.mark.xdist_group("revocation")

SHOP = "/apis/projectcalico.org/v3/namespaces/shop"
GLOBAL = "/apis/projectcalico.org/v3/globalnetworkpolicies"
CART, NET, NET6, FAR = "10.65.0.2", "192.0.2.10", "2001:db8:c::10", "198.51.100.10"
CART6 = "2001:db8:65::2"
ARRIVED = "arrived"
FLAGS = "--revoke-established", "On"


@pytest.fixture
def way() -> Iterator[Road]:
    with road(Settings()) as made, made.node.entered():
        yield made


@pytest.fixture
def controller(way: Road, tmp_path: Path) -> Iterator[Controller]:
    made = Controller(way.node, tmp_path, *FLAGS)
    try:
        made.start()
        made.until_in_sync()
        made.create("/api/v1/namespaces", "Namespace", "shop", {})
        spec = {"node": "here", "interfaceName": "cali-a", "ipNetworks": [CART, CART6]}
        made.create(f"{SHOP}/workloadendpoints", "WorkloadEndpoint", "cart", spec, {"app": "cart"})
        made.create(f"{SHOP}/networkpolicies", "NetworkPolicy", "open", egress_to("0.0.0.0/0", "::/0"))
        made.until_in_sync()
        yield made
    finally:
        made.close()


def egress_to(*networks: str) -> dict[str, Any]:
    rules = [{"action": "Allow", "destination": {"nets": [each]}} for each in networks]
    return {"selector": "app == 'cart'", "types": ["Egress"], "egress": rules}


def edit(controller: Controller, kind: str, name: str, **changes: Any) -> None:
    """Replace parts of an object of the shop."""
    path = f"{SHOP}/{kind}/{name}"
    found = controller.request("GET", path)
    for part, value in changes.items():
        found["metadata" if part == "labels" else "spec"].update({part: value} if part == "labels" else value)
    controller.request("PUT", path, found)
    controller.until_in_sync()


def metric(controller: Controller, name: str) -> int:
    lines = controller.text("/metrics").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"dnsguard_{name} "))


def cut(connection: Talk) -> bool:
    """Whether what the other side says comes no more, though whoever opened it says nothing."""
    until(lambda: connection.back() == COUNTER_REVOKED)
    return connection.forth() != ARRIVED and connection.back() == COUNTER_REVOKED


def test_an_edit_cuts_what_it_takes_away_and_no_more(way: Road, controller: Controller) -> None:
    with talk(way, UDP, "a", CART, "net", NET) as near, talk(way, TCP, "a", CART, "net", FAR) as far:
        edit(controller, "networkpolicies", "open", spec=egress_to("198.51.100.0/24"))
        assert cut(near)
        for _ in range(3):
            assert (far.back(), far.forth()) == (ARRIVED, ARRIVED)
        until(lambda: "connections are cut" in controller.log)
        assert metric(controller, "connections_cut_total") == 1
        assert metric(controller, "policy_revisions_total") >= 2
        until(lambda: metric(controller, "connections_settled") == 1)


def test_a_quarantine_by_label_cuts_at_once_and_lifted_lets_go_on(way: Road, controller: Controller) -> None:
    quarantine = {"selector": "quarantined == 'yes'", "types": ["Ingress", "Egress"], "order": 1}
    controller.create(GLOBAL, "GlobalNetworkPolicy", "quarantine", {**quarantine, "egress": [{"action": "Deny"}]})
    controller.until_in_sync()
    with talk(way, TCP, "a", CART, "net", NET) as some, talk(way, UDP, "a", CART6, "net", NET6) as other:
        edit(controller, "workloadendpoints", "cart", labels={"app": "cart", "quarantined": "yes"})
        assert cut(some)
        assert cut(other)
        edit(controller, "workloadendpoints", "cart", labels={"app": "cart"})
        until(lambda: other.forth() == ARRIVED)
        assert other.back() == ARRIVED


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_over_a_restart_what_is_allowed_goes_on(way: Road, controller: Controller, how: signal.Signals) -> None:
    with talk(way, TCP, "a", CART, "net", NET) as some, talk(way, TCP, "a", CART6, "net", NET6) as other:
        for _ in range(3):
            controller.stop(how)
            assert (some.back(), other.forth()) == (ARRIVED, ARRIVED)
            controller.start()
            controller.until_in_sync()
            assert (some.back(), some.forth(), some.back()) == (ARRIVED, ARRIVED, ARRIVED)
            assert (other.back(), other.forth(), other.back()) == (ARRIVED, ARRIVED, ARRIVED)


def test_what_was_taken_away_while_nothing_ran_here_is_cut(way: Road, controller: Controller, tmp_path: Path) -> None:
    """The store is another's for a while, in another network."""
    with talk(way, TCP, "a", CART, "net", NET) as some, talk(way, TCP, "a", CART6, "net", NET6) as other:
        controller.stop()
        with namespace() as elsewhere, elsewhere.entered():
            editor = Controller(elsewhere, tmp_path, *FLAGS)
            try:
                editor.start()
                editor.until_in_sync()
                edit(editor, "networkpolicies", "open", spec=egress_to("198.51.100.0/24", "::/0"))
                editor.stop()
            finally:
                editor.close()
        assert (some.back(), some.forth()) == (ARRIVED, ARRIVED)
        controller.start()
        controller.until_in_sync()
        assert cut(some)
        assert (other.back(), other.forth(), other.back()) == (ARRIVED, ARRIVED, ARRIVED)


def test_connections_under_edits_of_all_kinds(way: Road, controller: Controller) -> None:
    """Each takes something away, from others."""
    with talk(way, TCP, "a", CART, "net", NET) as some, talk(way, TCP, "a", CART6, "net", NET6) as other:
        done = threading.Event()
        lost: list[str] = []

        def keep_talking() -> None:
            while not done.is_set():
                lost.extend(
                    each for each in (some.back(), some.forth(), other.back(), other.forth()) if each != ARRIVED
                )

        talking = threading.Thread(target=keep_talking)
        talking.start()
        try:
            for number in range(5):
                spec = egress_to("0.0.0.0/0", "::/0", *(["203.0.113.0/24"] * (number % 2)))
                edit(controller, "networkpolicies", "open", spec=spec)
                spec = {"node": "here", "interfaceName": "cali-b", "ipNetworks": ["10.65.0.3"]}
                controller.create(f"{SHOP}/workloadendpoints", "WorkloadEndpoint", "other", spec, {"app": "cart"})
                controller.request("DELETE", f"{SHOP}/workloadendpoints/other")
                controller.until_in_sync()
        finally:
            done.set()
            talking.join()
        assert lost == []
