"""`dnsguard endpoints`, `leases` and `names`: tables for people, the view for programs."""

import argparse
import json

import pytest

from dnsguard.api.views.models import EndpointState, EndpointStates, LeaseState, NameAddress, NameAlias, NameClientState
from dnsguard.cli import endpoints, learnednames, leases
from dnsguard.cli.views import lasting, listed, show_view
from tests.unit.cli.conftest import Run

STATES = EndpointStates(
    endpoints=(
        EndpointState(
            kind="WorkloadEndpoint",
            namespace="shop",
            name="web",
            interface="cali1",
            addresses=("10.0.0.7", "2001:db8::7"),
            labels={"app": "web"},
            policies=("NetworkPolicy/shop/a", "NetworkPolicy/shop/b"),
            enforced=True,
        ),
        EndpointState(kind="HostEndpoint", name="uplink", node="there", problem="it is on node there"),
    )
)


@pytest.mark.parametrize(
    ("output", "lines"),
    [
        (
            None,
            [
                "NAMESPACE NAME KIND INTERFACE ADDRESSES POLICIES ENFORCED",
                "shop web WorkloadEndpoint cali1 10.0.0.7, 2001:db8::7 2 yes",
                "- uplink HostEndpoint - - 0 no: it is on node there",
            ],
        ),
        (
            "wide",
            [
                "NAMESPACE NAME KIND NODE INTERFACE ADDRESSES POLICIES PROFILES LABELS ENFORCED",
                "shop web WorkloadEndpoint - cali1 10.0.0.7, 2001:db8::7 2 - app=web yes",
                "- uplink HostEndpoint there - - 0 - - no: it is on node there",
            ],
        ),
    ],
)
def test_endpoints(output: str | None, lines: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    view = STATES.model_dump(mode="json", by_alias=True)
    show_view(view, view["endpoints"], endpoints.COLUMNS, argparse.Namespace(output=output))
    assert [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()] == lines


@pytest.mark.usefixtures("api")
def test_endpoints_that_cannot_be_known_are_an_error(run: Run) -> None:
    code, out, err = run("endpoints", "-n", "shop")
    assert (code != 0, out) == (True, "")
    assert "nothing is compiled yet in shop" in err


@pytest.mark.usefixtures("api")
def test_leases_of_a_client_as_a_table_and_for_programs(run: Run) -> None:
    code, out, err = run("leases", "shop/a")
    assert (code, err) == (0, "")
    assert [line.split() for line in out.splitlines()] == [
        ["CLIENT", "ADDRESS", "OPEN", "FOR", "NAMES"],
        ["shop/a", "198.51.100.1", "no", "59s", "-"],
    ]
    asked = ("--name", "*.example.org", "--address", "192.0.2.9", "--set", "s:a", "--limit", "1", "-o", "json")
    code, out, err = run("leases", *asked)
    (lease,) = json.loads(out)["leases"]
    assert (lease["names"], lease["address"], lease["sets"]) == (["*.example.org"], "192.0.2.9", ["s:a"])
    assert err == "there is more: ask for less, or raise --limit\n"
    assert run("leases", "shop/nobody")[0] != 0


@pytest.mark.usefixtures("api")
def test_names(run: Run) -> None:
    code, out, _ = run("names")
    assert code == 0
    assert [line.split() for line in out.splitlines()] == [
        ["NAME", "CLIENT", "ADDRESSES", "FOR", "OPENS"],
        ["api.example.org", "shop/a", "198.51.100.1", "59s", "no"],
    ]
    assert json.loads(run("names", "www.example.org", "-o", "json")[1])["names"][0]["name"] == "www.example.org"


def test_a_name_that_many_know_has_a_row_for_each_and_one_for_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    client = NameClientState(
        client="shop/a",
        aliases=(NameAlias(target="edge.example.net", seconds_left=90_000.0),),
        addresses=(NameAddress(address="192.0.2.1", seconds_left=60.0),),
        sets=("s:a",),
    ).model_dump(mode="json", by_alias=True)
    view = {"names": [{"name": "www.example.org", "clients": [client], "clientsLeftOut": 3}], "truncated": False}
    show_view(view, learnednames._rows(view), learnednames.COLUMNS, argparse.Namespace(output="wide"))
    assert [line.split()[1:] for line in capsys.readouterr().out.splitlines()[1:]] == [
        ["shop/a", "192.0.2.1", "25h", "yes", "edge.example.net", "s:a"],
        ["3", "more", "-", "-", "no", "-", "-"],
    ]


def test_nothing_is_said_to_be_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    show_view({"leases": []}, [], leases.COLUMNS, argparse.Namespace(output=None))
    assert capsys.readouterr() == ("", "nothing found\n")
    lease = LeaseState(client="a", client_address="", address="192.0.2.1", sets=("s:a",), seconds_left=1.0)
    row = lease.model_dump(mode="json", by_alias=True)
    show_view({"leases": [row]}, [row], leases.COLUMNS, argparse.Namespace(output="wide"))
    assert "yes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0s"), (119.9, "119s"), (120.0, "2m"), (7_200.0, "2h"), (172_800.0, "2d")]
)
def test_how_long(seconds: float, text: str) -> None:
    assert lasting(seconds) == text


def test_few_of_many() -> None:
    assert [listed(list(text)) for text in ("", "ab", "abcd")] == ["-", "a, b", "a, b, c +1"]
