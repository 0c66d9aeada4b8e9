import pytest

from dnsguard.calc.compiled import Action, CompiledRule, EntityMatch
from dnsguard.dataplane.purpose import purpose
from tests.support.compiled import compiled, lease_set, member_set, nets, port_set

STATE = compiled(
    members=[member_set("s:db")],
    leases=[lease_set("s:web", "web.example.org")],
    named_ports=[port_set("s:dns")],
)


@pytest.mark.parametrize(
    ("source", "destination", "text"),
    [
        (EntityMatch(), EntityMatch(), ""),
        (EntityMatch(), nets("192.0.2.0/24"), ""),
        (EntityMatch(members="s:db"), EntityMatch(), ": from role == 's:db'"),
        (EntityMatch(), EntityMatch(leases="s:web", members="s:db"), ": to set == 's:web' or role == 's:db'"),
        (
            EntityMatch(members="s:db"),
            EntityMatch(named_ports="s:dns"),
            ": from role == 's:db', to port s:dns",
        ),
    ],
)
def test_purpose(source: EntityMatch, destination: EntityMatch, text: str) -> None:
    rule = CompiledRule(0, Action.ALLOW, source=source, destination=destination)
    assert purpose(rule, STATE).replace('"', "'") == text
