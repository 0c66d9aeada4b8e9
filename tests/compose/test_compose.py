"""Every claim of deploy/docker.md, from inside the containers of docker-compose.yml. In this order: each test goes on
where the one before ended."""

import json
import signal

import pytest

from tests.compose.demo import CURL, GATEWAY, PARTNER, TRACKER, Demo

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]

MANAGED = "--network", "dnsguard", "--dns", GATEWAY
"""Flags of a container that dnsguard polices."""

STORY = {
    "billing": {
        r"http://api\.partner\.example → 200, by 203\.0\.113\.10",
        r"http://www\.partner\.example → 200, by 203\.0\.113\.12",
        r"http://eu\.cdn\.example → 200, by 203\.0\.113\.12",
        r"http://tracker\.example → no such name",
        r"http://203\.0\.113\.20 → timed out",
        r"http://vault\.example → timed out",
        r"api\.partner\.example@8\.8\.8\.8 → it is 203\.0\.113\.10",
        r"tracker\.example@8\.8\.8\.8 → no answer: NXDOMAIN",
    },
    "reports": {
        r"http://203\.0\.113\.10 → 200, by 203\.0\.113\.10",
        r"http://203\.0\.113\.20 → timed out",
        r"http://api\.partner\.example → no such name",
    },
    "batch": {r"http://api\.partner\.example → no such name", r"http://203\.0\.113\.10 → timed out"},
    "why": {
        r"\S*billing\S* \(203.0.113.\d+\) api.partner.example A: NOERROR 203.0.113.10 "
        r"\{api.partner.example in NetworkPolicy/billing\}",
        r"\S*billing\S* \(203.0.113.\d+\) tracker.example A: NXDOMAIN \(no policy allows this name\)",
        r"\S*billing\S* \(203.0.113.\d+\) → \S*tracker\S* \(203.0.113.20:80\) TCP: denied by end of tier default",
        r"\S*billing\S* \(203.0.113.\d+\) → \S*vault\S* \(203.0.113.30:80\) \{vault.example\} TCP: "
        r"denied by rule 0 of GlobalNetworkPolicy/security.nobody-reaches-the-vault in tier security",
    },
}


def test_the_logs_tell_who_reaches_what_and_why_not(demo: Demo) -> None:
    for service, lines in STORY.items():
        for line in lines:
            demo.says(service, line)


def test_it_has_no_rights_but_to_the_network(demo: Demo) -> None:
    found = json.loads(demo.host.docker("inspect", demo.container("dnsguard")))[0]
    assert sorted(each.removeprefix("CAP_") for each in found["HostConfig"]["CapAdd"]) == [
        "NET_ADMIN",
        "NET_BIND_SERVICE",
    ]
    assert [found["HostConfig"][key] for key in ("CapDrop", "ReadonlyRootfs", "Privileged")] == [["ALL"], True, False]
    assert found["State"]["Health"]["Status"] == "healthy"


@pytest.mark.parametrize("over", ["+notcp", "+tcp"])
def test_who_asks_another_server_is_answered_by_dnsguard_and_learns_nothing_else(demo: Demo, over: str) -> None:
    billing, batch = demo.container("billing"), demo.container("batch")
    assert demo.asks(billing, "api.partner.example", "@8.8.8.8", over) == f"{PARTNER} NOERROR"
    assert demo.asks(billing, "tracker.example", "@8.8.8.8", over) == "NXDOMAIN"
    assert demo.asks(billing, "tracker.example", "@203.0.113.53", over) == "no answer"
    assert demo.asks(batch, "api.partner.example", "@8.8.8.8", over) == "NXDOMAIN"


def test_the_embedded_resolver_asks_with_the_address_of_its_container_and_leases_are_each_ones_own(demo: Demo) -> None:
    demo.run("twin", *MANAGED, "--label", "com.docker.compose.service=billing")
    try:
        demo.becomes_enforced("twin")
        address = demo.host.docker("inspect", "--format", "{{.NetworkSettings.Networks.dnsguard.IPAddress}}", "twin")
        assert "127.0.0.11" in demo.host.docker("exec", "twin", "cat", "/etc/resolv.conf")
        assert demo.reaches(demo.container("billing"), f"http://{PARTNER}") == "200"
        assert demo.reaches("twin", f"http://{PARTNER}") == "000", "what billing looked up is open to its twin"
        assert demo.reaches("twin", "http://tracker.example") == "000"
        assert {each["client_ip"] for each in demo.queries() if "twin" in each.get("client", "")} == {address}
        assert demo.reaches("twin", "http://api.partner.example") == "200"
        assert demo.reaches("twin", f"http://{PARTNER}") == "200"
    finally:
        demo.host.docker("rm", "--force", "twin")


def test_a_name_that_docker_answers_by_itself_opens_nothing(demo: Demo) -> None:
    billing = demo.container("billing")
    assert demo.asks(billing, "tracker") == f"{TRACKER} NOERROR"
    assert demo.reaches(billing, "http://tracker") == "000"


def test_containers_on_other_networks_are_left_alone(demo: Demo) -> None:
    demo.host.docker("network", "create", "other")
    try:
        demo.run("one", "--network", "other")
        demo.run("two", "--network", "other", image="python", command=("python3", "-m", "http.server", "80"))
        patiently = ("--retry", "60", "--retry-connrefused", "--retry-delay", "1")
        assert demo.host.docker("exec", "one", *CURL, *patiently, "http://two") == "200"
    finally:
        demo.host.docker("rm", "--force", "one", "two")
        demo.host.docker("network", "rm", "other")


def test_one_command_changes_what_is_allowed_and_the_logs_tell(demo: Demo) -> None:
    began = demo.now()
    demo.dnsguard("allow", "tracker.example", "--set", "billing-may-reach", "-n", "docker")
    demo.says("billing", r"http://tracker\.example → 200, by 203\.0\.113\.20", since=began)
    assert demo.reaches(demo.container("batch"), f"http://{TRACKER}") == "000"
    began = demo.now()
    demo.dnsguard("disallow", "tracker.example", "--set", "billing-may-reach", "-n", "docker")
    demo.says("billing", r"http://tracker\.example → no such name", since=began)


def test_killed_it_stays_closed_and_started_again_it_opens(demo: Demo) -> None:
    billing = demo.container("billing")
    began = demo.now()
    demo.host.docker("kill", "--signal", "KILL", demo.container("dnsguard"))
    assert demo.reaches(billing, f"http://{TRACKER}") == "000"
    demo.run("new", *MANAGED, "--label", "may-reach=partner")
    try:
        assert demo.reaches("new", f"http://{PARTNER}") == "000", "nobody has said who that is"
        demo.says("billing", r"api\.partner\.example@8\.8\.8\.8 → nobody answers", since=began)
        began = demo.now()
        demo.compose("up", "--detach")
        demo.says("billing", r"api\.partner\.example@8\.8\.8\.8 → it is 203\.0\.113\.10", since=began)
        demo.becomes_enforced("new")
        assert demo.reaches("new", f"http://{PARTNER}") == "200"
        assert demo.reaches("new", f"http://{TRACKER}") == "000"
    finally:
        demo.host.docker("rm", "--force", "new")


def test_down_leaves_no_rule(demo: Demo) -> None:
    demo.compose("down", "--volumes")
    assert demo.ruleset() == demo.before
    assert "dnsguard0" not in demo.host.node.run("ip link")
    assert demo.host.node.run("ip rule").splitlines() == ["0:\tfrom all lookup local", "32766:\tfrom all lookup main",
                                                          "32767:\tfrom all lookup default"]  # fmt: skip
    assert demo.host.docker("ps", "--all", "--quiet") == ""


def test_docker_is_restarted(demo: Demo) -> None:
    demo.compose("up", "--detach")
    demo.host.stop(signal.SIGTERM)
    demo.host.start()
    began = demo.now()
    demo.compose("up", "--detach")
    demo.says("billing", r"http://api\.partner\.example → 200, by 203\.0\.113\.10", since=began)
    demo.says("batch", r"http://203\.0\.113\.10 → timed out", since=began)
    assert demo.reaches(demo.container("billing"), f"http://{TRACKER}") == "000"
    demo.compose("down", "--volumes")
    assert "dnsguard" not in demo.ruleset()  # Docker writes its own ones anew, in another order
