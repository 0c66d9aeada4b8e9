import pytest

from dnsguard.api.services import ReadModelUnavailable
from dnsguard.api.views.models import NameAddress, NameAlias, NameClientState, NameState
from dnsguard.controller.namesmodel import NamesModel
from dnsguard.link.messages import KnownAddress, KnownName, LearnedAlias, NameClient, NamesFound
from tests.unit.controller.running import FakeForwarders

CLIENT = NameClient(
    "shop/web",
    (LearnedAlias("www.example.org", "edge.example.net", 30.0),),
    (KnownAddress("192.0.2.1", 20.0),),
    ("s:a",),
)
SHOWN = NameClientState(
    client="shop/web",
    aliases=(NameAlias(target="edge.example.net", seconds_left=30.0),),
    addresses=(NameAddress(address="192.0.2.1", seconds_left=20.0),),
    sets=("s:a",),
)


async def test_each_name_is_told_once_with_all_who_know_it() -> None:
    forwarders = FakeForwarders()
    other = NameClient("node", (), (), ())
    forwarders.found = (
        NamesFound(1, (KnownName("www.example.org", (CLIENT,), 2), KnownName("b.example.org", ()))),
        NamesFound(1, (KnownName("www.example.org", (other,), 1),)),
    )
    found = await NamesModel(forwarders)("*.example.org", 9)
    assert forwarders.searched == [("*.example.org", 9)]
    assert found.names == (
        NameState(name="b.example.org", clients=()),
        NameState(name="www.example.org", clients=(SHOWN, NameClientState(client="node")), clients_left_out=3),
    )
    assert not found.truncated
    found = await NamesModel(forwarders)("", 1)
    assert ([each.name for each in found.names], found.truncated) == (["b.example.org"], True)


@pytest.mark.parametrize(
    ("forwarders", "message"),
    [(FakeForwarders(connected=False), "no forwarder is connected"), (FakeForwarders(answers=False), "within 10 s")],
)
async def test_names_that_cannot_be_known(forwarders: FakeForwarders, message: str) -> None:
    with pytest.raises(ReadModelUnavailable, match=message):
        await NamesModel(forwarders)("", 9)
