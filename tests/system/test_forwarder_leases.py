"""An answer is a promise: whatever was answered is open in the kernel already, and only to who asked."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from dnslib import QTYPE, RCODE

from tests.system.forwarder import NEIGHBOUR, WORKLOAD, WORKLOAD6, Rig, feed, identity, policy, rig

FEED = feed("web", "*.example.org")
WEB = identity("shop/web", [WORKLOAD, WORKLOAD6], ["web"])
OTHER = identity("shop/other", [NEIGHBOUR], ["web"])


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Rig]:
    """With a policy in force that lets two endpoints reach ``*.example.org``."""
    async with rig(tmp_path) as made:
        made.make_sets(FEED)
        await made.start()
        await made.connected()
        await made.enforced(policy(FEED, identities=[WEB, OTHER]))
        yield made


async def test_a_thousand_names_are_each_open_when_their_answer_is_there(here: Rig) -> None:
    for number in range(1000):
        name, address = f"n{number}.example.org", f"198.51.{100 + number // 250}.{number % 250 + 1}"
        here.zone[name] = [("A", address)]
        reply = await here.ask(name)
        assert [str(record.rdata) for record in reply.rr] == [address], here.log
        assert (WORKLOAD, address) in here.elements("d4-web")
    assert len(here.elements("d4-web")) == 1000


async def test_only_who_asked_may_go_there(here: Rig) -> None:
    here.zone["www.example.org"] = [("A", "198.51.100.1")]
    await here.ask("www.example.org")
    assert set(here.elements("d4-web")) == {(WORKLOAD, "198.51.100.1")}
    await here.ask("www.example.org", source=NEIGHBOUR)
    assert set(here.elements("d4-web")) == {(WORKLOAD, "198.51.100.1"), (NEIGHBOUR, "198.51.100.1")}


async def test_a_client_is_the_endpoint_and_not_the_address_it_asks_from(here: Rig) -> None:
    here.zone["www.example.org"] = [("AAAA", "2001:db8::1"), ("A", "198.51.100.1")]
    await here.ask("www.example.org", "AAAA", WORKLOAD)
    assert set(here.elements("d6-web")) == {(WORKLOAD6, "2001:db8::1")}
    await here.ask("www.example.org", "A", WORKLOAD6)
    assert set(here.elements("d4-web")) == {(WORKLOAD, "198.51.100.1")}


async def test_every_name_of_a_chain_counts(here: Rig) -> None:
    here.zone["shop.example.net"] = [("CNAME", "edge.example.org")]
    here.zone["edge.example.org"] = [("CNAME", "far.example.com")]
    here.zone["far.example.com"] = [("A", "198.51.100.1")]
    reply = await here.ask("shop.example.net")
    assert [QTYPE[record.rtype] for record in reply.rr] == ["CNAME", "CNAME", "A"]
    assert set(here.elements("d4-web")) == {(WORKLOAD, "198.51.100.1")}


async def test_a_name_that_no_policy_allows_opens_nothing(here: Rig) -> None:
    here.zone["example.org"] = [("A", "198.51.100.1")]
    assert (await here.ask("example.org")).rr
    assert here.elements("d4-web") == {}


async def test_what_the_node_looks_up_is_open_to_all_its_endpoints(here: Rig) -> None:
    here.zone["www.example.org"] = [("A", "198.51.100.1")]
    await here.ask("www.example.org", source="127.0.0.1")
    assert set(here.elements("d4-web")) == {(WORKLOAD, "198.51.100.1"), (NEIGHBOUR, "198.51.100.1")}


async def test_special_addresses_and_our_own_are_never_opened(here: Rig) -> None:
    here.zone["www.example.org"] = [
        ("A", "169.254.169.254"),
        ("A", "10.9.0.1"),
        ("A", "127.0.0.1"),
        ("A", "198.51.100.1"),
    ]
    assert len((await here.ask("www.example.org")).rr) == 4
    assert set(here.elements("d4-web")) == {(WORKLOAD, "198.51.100.1")}


async def test_private_addresses_are_not_opened_where_the_settings_say_so_and_the_rest_of_the_answer_is(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as here:
        here.make_sets(FEED)
        await here.start("--unleased-nets", "private")
        await here.connected()
        await here.enforced(policy(FEED, identities=[WEB]))
        here.zone["www.example.org"] = [
            ("A", "10.8.0.1"),
            ("A", "198.51.100.1"),
            ("AAAA", "64:ff9b::a08:1"),
            ("AAAA", "2001:db8::1"),
        ]
        assert len((await here.ask("www.example.org")).rr) == 2, "the answer is released as it is"
        assert len((await here.ask("www.example.org", "AAAA")).rr) == 2
        assert set(here.elements("d4-web")) == {(WORKLOAD, "198.51.100.1")}
        assert set(here.elements("d6-web")) == {(WORKLOAD6, "2001:db8::1")}


async def test_a_lease_outlives_what_the_client_was_told(here: Rig) -> None:
    here.zone["www.example.org"] = [("A", "198.51.100.1")]
    reply = await here.ask("www.example.org")
    (left,) = here.elements("d4-web").values()
    assert left >= reply.rr[0].ttl + 29
    assert left >= 59


async def test_without_the_set_there_is_no_answer_and_it_heals_by_itself(here: Rig) -> None:
    here.zone["www.example.org"] = [("A", "198.51.100.1")]
    here.zone["old.example.org"] = [("A", "198.51.100.2")]
    await here.ask("old.example.org")
    here.drop_table()
    reply = await here.ask("www.example.org")
    assert (RCODE[reply.header.rcode], reply.rr) == ("SERVFAIL", [])
    # Nobody told us of the old one: the controller does when it has made the table anew.
    here.make_sets(FEED)
    assert (await here.ask("www.example.org")).rr
    assert (WORKLOAD, "198.51.100.1") in here.elements("d4-web")
    here.link.publish(policy(FEED, identities=[WEB, OTHER]), reassert=True)
    await here.until(lambda: (WORKLOAD, "198.51.100.2") in here.elements("d4-web"), "the old lease is asserted anew")


async def test_a_removed_domain_closes_and_an_added_one_opens_what_was_learned(here: Rig) -> None:
    here.zone["www.example.org"] = [("A", "198.51.100.1")]
    here.zone["www.example.net"] = [("A", "198.51.100.2")]
    await here.ask("www.example.org")
    await here.ask("www.example.net")
    await here.enforced(policy(feed("web", "www.example.net"), identities=[WEB, OTHER]))
    assert set(here.elements("d4-web")) == {(WORKLOAD, "198.51.100.2")}
    await here.enforced(policy(feed("web", "www.example.net", "*.example.org"), identities=[WEB]))
    assert set(here.elements("d4-web")) == {(WORKLOAD, "198.51.100.2"), (WORKLOAD, "198.51.100.1")}
    await here.enforced(policy(feed("web"), identities=[WEB]))
    assert here.elements("d4-web") == {}


async def test_a_policy_whose_set_is_missing_is_owned_up_to_and_put_right_later(here: Rig) -> None:
    here.zone["www.example.net"] = [("A", "198.51.100.2")]
    await here.ask("www.example.net")
    late = feed("late", "www.example.net")
    web = identity("shop/web", [WORKLOAD], ["web", "late"])
    await here.enforced(policy(FEED, late, identities=[web]))
    assert "d4-late" in here.link.forwarders[0].problem
    here.make_sets(late)
    await here.until(lambda: (WORKLOAD, "198.51.100.2") in here.elements("d4-late"), "what was owed is written")
    await here.until(lambda: not here.link.forwarders[0].problem, "and it says so")


async def test_bounds_of_the_settings_hold_answers_back_and_other_clients_are_served_on(tmp_path: Path) -> None:
    async with rig(tmp_path) as here:
        here.make_sets(FEED)
        await here.start("--leases-per-client", "3", "--leases-per-name", "2", "--leases-in-total", "4")
        await here.connected()
        await here.enforced(policy(FEED, identities=[WEB, OTHER]))
        for number in range(1, 6):
            here.zone[f"n{number}.example.org"] = [("A", f"198.51.100.{number}")]
        here.zone["many.example.org"] = [("A", f"198.51.100.{number}") for number in range(101, 104)]

        async def asked(name: str, source: str) -> str:
            return str(RCODE[(await here.ask(f"{name}.example.org", source=source)).header.rcode])

        assert await asked("many", WORKLOAD) == "SERVFAIL"
        assert [await asked(f"n{number}", WORKLOAD) for number in range(1, 5)] == ["NOERROR"] * 3 + ["SERVFAIL"]
        assert [await asked(f"n{number}", NEIGHBOUR) for number in range(4, 6)] == ["NOERROR", "SERVFAIL"]
        assert {to for _, to in here.elements("d4-web")} == {f"198.51.100.{number}" for number in range(1, 5)}
        found = here.http("/metrics")
        assert found is not None
        for full in ("client", "name", "all"):
            assert f"dnsguard_forwarder_leases_refused_{full}_full_total 1\n" in found[1]
