import pytest

from dnsguard.domains import wire_name
from dnsguard.domains.search import SearchDomains

DOMAINS = SearchDomains(map(wire_name, ("cluster.local", "svc.cluster.local", "corp.example")))


@pytest.mark.parametrize(
    ("name", "domain"),
    [
        ("api.example.com.shop.svc.cluster.local", "svc.cluster.local"),
        ("api.example.com.cluster.local", "cluster.local"),
        ("db.cluster.local", "cluster.local"),
        ("svc.cluster.local", "cluster.local"),
        ("api.corp.example", "corp.example"),
        ("cluster.local", None),
        ("corp.example", None),
        ("xcorp.example", None),
        ("corp.example.net", None),
        ("local", None),
        (".", None),
        (r"a.cluster\.local", None),  # one label
    ],
)
def test_what_is_below_a_search_domain(name: str, domain: str | None) -> None:
    assert DOMAINS.holding(wire_name(name)) == (None if domain is None else wire_name(domain))
