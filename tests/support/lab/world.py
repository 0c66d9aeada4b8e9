"""The world that policy examples are written for: who is in it, and what the name servers say."""

from pathlib import Path

from tests.support.lab.topology import HostInterface, Record, Workload

WORKLOADS = (
    Workload("svc3", "app2-ns", ("10.244.1.10",), {"app": "app2", "svc": "svc3"}),
    Workload("svc1", "app2-ns", ("10.244.1.11",), {"app": "app2", "svc": "svc1"}),
    Workload("roll1", "rollout-test", ("10.244.3.10", "fd00::3:10"), {"my-pod-label": "my-value"}),
    Workload("roll2", "rollout-test", ("10.244.3.11",)),
    Workload("prod1", "prod-x", ("10.244.4.10",), {"my-pod-label": "my-value"}),
    Workload("dev1-a", "team-a", ("10.244.5.10",), {"tenant": "dev1"}),
    Workload("shop1", "shop", ("10.244.6.10",), {"app": "shop"}),
    Workload("red-prod", "production", ("10.244.7.10", "fd00::7:10"), {"color": "red"}),
    Workload("stranger", "nowhere", ("10.244.9.10",), known=False),
)

GATEWAY = HostInterface("gw", "ethgw", "10.0.0.9", {"apply-ip-protect": "true"})

RECORDS = (
    Record("app2-repo.example.com", "A", "203.0.113.10"),
    Record("bob.example.com", "A", "198.51.100.7"),
    Record("bob.example.com", "AAAA", "2001:db8::7"),
    Record("a.b.example.com", "A", "198.51.100.8"),
    Record("example.com", "A", "198.51.100.1"),
    Record("api.alice.com", "A", "198.51.100.20"),
    Record("www.api.alice.com", "A", "198.51.100.21"),
    Record("alice.com", "A", "198.51.100.22"),
    Record("repo.acme.corp", "A", "10.50.0.5"),
    Record("www.repo.acme.corp", "A", "10.50.0.6"),
    Record("cdn.example.com", "CNAME", "edge.cdnprovider.net"),
    Record("edge.cdnprovider.net", "A", "192.0.2.99"),
    Record("other.org", "A", "198.51.100.7"),
    Record("shop.other.org", "CNAME", "store.example.com"),
    Record("store.example.com", "A", "198.51.100.40"),
    Record("badexample.com", "A", "198.51.100.50"),
    Record("quick.example.com", "A", "198.51.100.33"),
    Record("late.partner.net", "A", "198.51.100.60"),
    Record("metadata.example.com", "A", "169.254.169.254"),
)
"""What the trusted server says."""

LIES = (
    Record("bob.example.com", "A", "198.51.100.66"),
    Record("fake.example.com", "A", "198.51.100.66"),
)
"""What the rogue server says."""

EXAMPLES = Path(__file__).parents[3] / "deploy" / "examples"


def example_files() -> list[Path]:
    """The manifests that are deployed with dnsguard; the tiers come first, the others refer to them."""
    return sorted(EXAMPLES.glob("*.yaml"), key=lambda file: (file.stem != "tiers", file.name))
