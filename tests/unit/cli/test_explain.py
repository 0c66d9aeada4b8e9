"""`dnsguard explain`: what is asked, and how it ends."""

import json

import pytest

from dnsguard.cli.errors import UNWANTED, UsageError
from dnsguard.cli.explain import destination_and_port, protocol_name
from tests.unit.cli.conftest import Run


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("example.org:443", ("example.org", 443)),
        ("example.org", ("example.org", None)),
        ("gw.:443", ("gw.", 443)),
        ("192.0.2.1:1", ("192.0.2.1", 1)),
        ("192.0.2.0/24:1", ("192.0.2.0/24", 1)),
        ("192.0.2.0/24", ("192.0.2.0/24", None)),
        ("[2001:db8::1]:443", ("2001:db8::1", 443)),
        ("[2001:db8::1]", ("2001:db8::1", None)),
        ("[2001:db8::/32]:443", ("2001:db8::/32", 443)),
        ("2001:db8::1", ("2001:db8::1", None)),
        ("2001:db8::/32", ("2001:db8::/32", None)),
        ("shop/web:80", ("shop/web", 80)),
        ("shop/web:http", ("shop/web", "http")),
    ],
)
def test_destinations(text: str, expected: tuple[str, int | str | None]) -> None:
    assert destination_and_port(text) == expected


@pytest.mark.parametrize("text", ["a:0", "a:65536", "a:", "[::1]:-x", "a:HTTP"])
def test_bad_ports(text: str) -> None:
    with pytest.raises(UsageError, match="is no port"):
        destination_and_port(text)


@pytest.mark.parametrize(
    ("url", "instead"),
    [
        ("https://api.example.org/v1", "api.example.org:443"),
        ("http://api.example.org", "api.example.org:80"),
        ("https://api.example.org:8443/", "api.example.org:8443"),
    ],
)
def test_what_is_asked_instead_of_a_url(url: str, instead: str) -> None:
    with pytest.raises(UsageError, match=f"is a URL: write the name alone, as {instead}$"):
        destination_and_port(url)


def test_protocols() -> None:
    asked = ("tcp", "UDP", "icmpv6", "udplite", "6")
    assert [protocol_name(text) for text in asked] == ["TCP", "UDP", "ICMPv6", "UDPLite", 6]


@pytest.mark.usefixtures("api")
def test_the_server_is_asked(run: Run) -> None:
    assert run("explain", "shop/web", "example.org:443") == (0, "Deny: because\n", "")
    answer = json.loads(run("explain", "shop/web", "example.org:53", "--protocol", "udp", "-o", "json")[1])
    assert (answer["verdict"], answer["source"]) == ("Deny", "shop/web")


@pytest.mark.usefixtures("api")
def test_everything_that_can_be_said_is_sent(run: Run) -> None:
    icmp = ("--protocol", "icmp", "--icmp-type", "3", "--icmp-code", "1")
    assert run("explain", "shop/web", "192.0.2.1", *icmp, "--pending")[0] == 0
    assert run("explain", "shop/web", "192.0.2.1:53", "--from-port", "4000")[0] == 0
    for bad in (("--from-port", "0"), ("--icmp-type", "256"), ("--icmp-code", "x")):
        assert run("explain", "shop/web", "192.0.2.1:53", *bad)[0] == 2


@pytest.mark.usefixtures("api")
def test_the_exit_code_tells_of_a_denial_where_it_is_asked_to(run: Run) -> None:
    assert run("explain", "shop/web", "example.org:443")[0] == 0
    assert run("explain", "shop/web", "example.org:443", "--exit-code")[0] == UNWANTED
    assert run("explain", "nobody", "example.org:443", "--exit-code")[0] == 2


@pytest.mark.usefixtures("api")
def test_what_the_server_does_not_understand_is_said(run: Run) -> None:
    code, out, err = run("explain", "nobody", "example.org:443")
    assert (code, out) == (2, "")
    assert "there is no endpoint nobody" in err
    assert run("explain", "shop/web", "example.org:0")[0] == 2
