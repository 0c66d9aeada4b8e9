import pytest

from dnsguard.api.services import BadClient, LeasesQuestion, ReadModelUnavailable, UnknownEndpoint
from dnsguard.api.views.models import EndpointState
from dnsguard.controller.inputs import key_of
from dnsguard.controller.readmodels import EndpointsModel, LeasesModel, StatusModel
from dnsguard.dataplane.sentinel import Harm, Sighting
from dnsguard.link.messages import Stats
from dnsguard.link.server import ForwarderState
from dnsguard.observe.exposition import exposition
from dnsguard.store.interface import Change, ChangeType
from tests.unit.controller.fakes import network_set
from tests.unit.controller.running import SHOP, FakeForwarders, InForce, lease

NO_ADDRESS = """
---
apiVersion: projectcalico.org/v3
kind: WorkloadEndpoint
metadata: {name: starting, namespace: shop}
spec: {interfaceName: cali4}
"""


@pytest.fixture
def in_force() -> InForce:
    return InForce(SHOP)


def status(in_force: InForce, forwarders: FakeForwarders) -> StatusModel:
    files = {"token": "state/token"}
    return StatusModel("1.2.3", in_force.inputs, in_force.enforcer, forwarders, {"audit log": lambda: [""]}, files)


async def test_status_when_all_is_well(in_force: InForce) -> None:
    forwarders = FakeForwarders()
    stats = Stats({"queries": 9}, {"192.0.2.99#53": "up"})
    forwarders.forwarders = (ForwarderState("f1", ("192.0.2.53#53",), 3, 2, "", stats),)
    report = await status(in_force, forwarders)()
    assert (report.version, report.ready, report.problems) == ("1.2.3", True, ())
    assert (report.store_revision, report.enforced_revision) == (7, 7)
    assert report.objects == {"namespaces": 1, "networkpolicies": 1, "workloadendpoints": 3}
    assert report.files == {"token": "state/token"}
    assert (report.dataplane.in_sync, report.dataplane.table, report.dataplane.classes) == (True, "dnsguard", 5)
    assert report.dataplane.chains > 0 < report.dataplane.sets
    (forwarder,) = report.forwarders
    assert (forwarder.id, forwarder.revision, forwarder.counters) == ("f1", 2, {"queries": 9})
    assert forwarder.upstreams == {"192.0.2.99#53": "up"}


async def test_status_says_everything_that_is_wrong(in_force: InForce) -> None:
    bad = network_set("a", 9, nets=["192.0.2.0/99"])
    in_force.inputs.take(Change(ChangeType.ADDED, key_of(bad), bad, 9))
    in_force.enforcer.problem = "set is full"
    for when in 10.0, 20.0:
        in_force.enforcer.restorations.began(when, Sighting(Harm.RULES, 0.012, when))
        in_force.enforcer.restorations.ended(when + 0.34)
    forwarders = FakeForwarders()
    forwarders.forwarders = (ForwarderState("f1", (), 3, 2, "no such set", None),)

    troubles = {"audit log": lambda: ["", "disk full"], "bridges": lambda: [""]}
    model = StatusModel("1", in_force.inputs, in_force.enforcer, forwarders, troubles, {})
    report = await model()
    assert not report.ready
    assert [problem.partition(": ")[0] for problem in report.problems] == [
        "what was in force stays",
        "forwarder f1",
        "globalnetworksets/a",
        "disk full",
    ]
    assert report.warnings == (
        "others removed the table or parts of it, which was restored: 2 times, the last time noticed and closed within "
        "12 ms, restored after 340 ms",
    )
    assert (report.dataplane.in_sync, report.dataplane.problem) == (False, "set is full")
    assert {
        "dnsguard_ready 0",
        'dnsguard_problems{part="enforcement"} 1',
        'dnsguard_problems{part="forwarders"} 1',
        'dnsguard_problems{part="objects"} 1',
        'dnsguard_problems{part="self-test"} 0',
        'dnsguard_problems{part="audit log"} 1',
        'dnsguard_problems{part="bridges"} 0',
        "dnsguard_warnings 1",
    } <= set(exposition(model.metrics()).splitlines())
    assert (report.store_revision, report.enforced_revision) == (9, 7)


async def test_not_ready_before_the_first_rules_and_without_a_forwarder(in_force: InForce) -> None:
    report = await status(in_force, FakeForwarders(connected=False))()
    assert (report.ready, report.problems) == (False, ("no forwarder is connected",))
    in_force.enforcer.enforced = None
    report = await status(in_force, FakeForwarders())()
    assert (report.ready, report.problems) == (False, ("the first computation of policy still runs",))


async def test_endpoints_and_how_they_are_enforced() -> None:
    in_force = InForce(SHOP + NO_ADDRESS)
    states = (await EndpointsModel(in_force.enforcer, "here")("shop")).endpoints
    assert {state.name: state.problem for state in states} == {
        "cart": "",
        "far": "it is on node there",
        "starting": "it has no address",
        "web": "",
    }
    assert states[0] == EndpointState(
        kind="WorkloadEndpoint",
        namespace="shop",
        name="cart",
        interface="cali1",
        addresses=("10.0.0.7", "2001:db8::7"),
        labels=states[0].labels,
        policies=("NetworkPolicy/shop/names",),
        enforced=True,
    )
    assert states[0].labels["app"] == "cart"
    assert states[3].profiles == ("kns.shop",)
    assert (await EndpointsModel(in_force.enforcer, "here")("elsewhere")).endpoints == ()
    in_force.enforcer.problem = "set is full"
    states = (await EndpointsModel(in_force.enforcer, "here")(None)).endpoints
    assert (states[0].enforced, states[0].problem) == (False, "set is full")
    in_force.enforcer.enforced = None
    with pytest.raises(ReadModelUnavailable):
        await EndpointsModel(in_force.enforcer, "here")(None)


@pytest.mark.parametrize(
    ("client", "asked"),
    [("", [""]), ("shop/cart", ["10.0.0.7", "2001:db8::7"]), ("2001:DB8::7", ["2001:db8::7"])],
)
async def test_leases_of_a_client(in_force: InForce, client: str, asked: list[str]) -> None:
    forwarders = FakeForwarders(lease("203.0.113.9", "s:names"))
    (state,) = (await LeasesModel(in_force.enforcer, forwarders)(LeasesQuestion(client))).leases
    assert (state.address, state.sets, state.names) == ("203.0.113.9", ("s:names",), ("api.example.org",))
    assert forwarders.asked == asked


@pytest.mark.parametrize(
    ("forwarders", "client", "message"),
    [
        (FakeForwarders(connected=False), "", "no forwarder is connected"),
        (FakeForwarders(answers=False), "", "no forwarder answered within 2 s"),
    ],
)
async def test_leases_that_cannot_be_known(
    in_force: InForce, forwarders: FakeForwarders, client: str, message: str
) -> None:
    with pytest.raises(ReadModelUnavailable, match=message):
        await LeasesModel(in_force.enforcer, forwarders)(LeasesQuestion(client))


async def test_leases_are_searched_for_by_forwarders_and_cut_to_what_is_asked_for(in_force: InForce) -> None:
    forwarders = FakeForwarders(lease("203.0.113.9", "s:names"), lease("203.0.113.10", "s:names"))
    question = LeasesQuestion("10.0.0.7", "*.example.org", "203.0.113.9", "s:names", 1)
    found = await LeasesModel(in_force.enforcer, forwarders)(question)
    assert forwarders.searched == [("10.0.0.7", "*.example.org", "203.0.113.9", "s:names", 1)]
    assert ([each.address for each in found.leases], found.truncated) == (["203.0.113.9"], True)
    found = await LeasesModel(in_force.enforcer, forwarders)(LeasesQuestion("10.0.0.7", limit=2))
    assert (len(found.leases), found.truncated, len(forwarders.searched)) == (2, False, 1)


async def test_status_shows_the_configuration_and_what_of_it_is_not_followed() -> None:
    in_force = InForce(
        SHOP
        + """
---
apiVersion: projectcalico.org/v3
kind: FelixConfiguration
metadata: {name: node.here}
spec: {dnsExtraTTL: 10s, dropActionOverride: Accept}
"""
    )
    forwarders = FakeForwarders()
    stats = Stats({}, {}, ("dnsTrustedServers is not followed",))
    forwarders.forwarders = (ForwarderState("f1", ("192.0.2.53#53",), 3, 2, "", stats),)
    report = await status(in_force, forwarders)()
    values = {each.name: (each.value, each.origin) for each in report.configuration}
    assert values["dnsExtraTTL"] == ("10s", "FelixConfiguration/node.here")
    assert values["dnsTrustedServers"] == ("192.0.2.99:53", "setting")
    assert values["dropActionOverride"] == ("Drop", "FelixConfiguration/node.here")
    assert report.problems == ("forwarder f1: dnsTrustedServers is not followed",)
    assert any("Accept is not followed" in warning for warning in report.warnings)


@pytest.mark.parametrize(
    ("client", "error", "message"),
    [
        ("junk", BadClient, "client 'junk' is no address and no host endpoint"),
        ("10.0.0.300", BadClient, "is no address"),
        ("shop/nobody", UnknownEndpoint, "there is no endpoint 'shop/nobody'"),
    ],
)
@pytest.mark.parametrize("connected", [True, False])
async def test_leases_of_what_is_no_client(
    in_force: InForce, client: str, error: type[Exception], message: str, connected: bool
) -> None:
    with pytest.raises(error, match=message):
        await LeasesModel(in_force.enforcer, FakeForwarders(connected=connected))(LeasesQuestion(client))


async def test_an_endpoint_without_address_has_no_leases() -> None:
    in_force = InForce(SHOP + NO_ADDRESS)
    assert (await LeasesModel(in_force.enforcer, FakeForwarders())(LeasesQuestion("shop/starting"))).leases == ()
