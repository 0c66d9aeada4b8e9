"""What the demo shows, written down by hand before anything runs: who connects where, what policy says, and by which
rule. In this order: some rows are denied only because nobody has looked up a name yet.
"""

from dnsguard.calc.compiled import Direction, PolicyId
from dnsguard.dataplane.naming import counter_of, counter_of_profile, counter_of_tier, counter_of_unknown_workload
from tests.demo.acts import Act, Connection, DomainChange, Introduction, LookUp, Question
from tests.support.lab.topology import ROGUE_ADDRESSES

EGRESS, INGRESS = Direction.EGRESS, Direction.INGRESS


def _global(policy: str, index: int, direction: Direction = EGRESS) -> str:
    return counter_of(PolicyId("GlobalNetworkPolicy", "", policy), direction, index)


def _namespaced(namespace: str, policy: str, index: int) -> str:
    return counter_of(PolicyId("NetworkPolicy", namespace, policy), EGRESS, index)


def _profile(namespace: str) -> str:
    return counter_of_profile(f"kns.{namespace}", EGRESS, 0)


RED_SET = _global("allow-egress-to-domain", 0)
REPO, PARTNER, DNS = (_namespaced("app2-ns", "application.app2-svc3-egress", index) for index in range(3))
DEV1_REPO, DEV1_PARTNER, DEV1_PODS = (_global("security.egress-dev1", index) for index in range(3))
EXTERNAL = _namespaced("production", "allow-egress-external", 0)
DENY_LIST = _global("ip-protect", 0, INGRESS)
NOT_LISTED = _global("forward-default-allow", 0, INGRESS)
END_OF_DEFAULT = counter_of_tier("default", EGRESS)
END_OF_APPLICATION = counter_of_tier("application", EGRESS)
END_OF_SECURITY = counter_of_tier("security", EGRESS)
UNKNOWN_SENDER = counter_of_unknown_workload(EGRESS)
UNKNOWN_RECEIVER = counter_of_unknown_workload(INGRESS)

BOB = (LookUp("bob.example.com", "198.51.100.7"),)
REPO_NAME = (LookUp("app2-repo.example.com", "203.0.113.10"),)
DEV1_REPO_NAME = (LookUp("repo.acme.corp", "10.50.0.5"),)
LATE = (LookUp("late.partner.net", "198.51.100.60"),)

# fmt: off
SCRIPT: tuple[Act, ...] = (
    # Names: policy allows api.alice.com and *.example.com.
    Connection("exact", "an exact name",
               "roll1", "api.alice.com", "198.51.100.20", 443, RED_SET, True,
               lookups=(LookUp("api.alice.com", "198.51.100.20"),)),
    Connection("longer", "a name below the exact one, which resolves",
               "roll1", "www.api.alice.com", "198.51.100.21", 443, END_OF_DEFAULT, False,
               lookups=(LookUp("www.api.alice.com", "198.51.100.21"),), twin="exact", differs="the name"),
    Connection("wildcard", "a wildcard, one label deep",
               "roll1", "bob.example.com", "198.51.100.7", 443, RED_SET, True, lookups=BOB),
    Connection("deep", "a wildcard, two labels deep",
               "roll1", "a.b.example.com", "198.51.100.8", 443, RED_SET, True,
               lookups=(LookUp("a.b.example.com", "198.51.100.8"),)),
    Connection("apex", "the apex, which the wildcard does not cover",
               "roll1", "example.com", "198.51.100.1", 443, END_OF_DEFAULT, False,
               lookups=(LookUp("example.com", "198.51.100.1"),), twin="wildcard", differs="the name"),
    Connection("similar", "a name that only ends alike",
               "roll1", "badexample.com", "198.51.100.50", 443, END_OF_DEFAULT, False,
               lookups=(LookUp("badexample.com", "198.51.100.50"),), twin="wildcard", differs="the name"),
    Connection("any-protocol", "a rule without a protocol: ICMP too",
               "roll1", "bob.example.com", "198.51.100.7", 0, RED_SET, True, transport="icmp", lookups=BOB),

    # Aliases. The target first: once the alias is known, the target is part of it.
    Connection("target", "an alias's target by its own name",
               "prod1", "edge.cdnprovider.net", "192.0.2.99", 443, END_OF_DEFAULT, False,
               lookups=(LookUp("edge.cdnprovider.net", "192.0.2.99"),), twin="alias", differs="the name asked"),
    Connection("alias", "the same address through an allowed alias",
               "prod1", "cdn.example.com", "192.0.2.99", 443, RED_SET, True,
               lookups=(LookUp("cdn.example.com", "192.0.2.99"),)),
    Connection("into", "an alias elsewhere that leads to an allowed name",
               "roll1", "shop.other.org", "198.51.100.40", 443, RED_SET, True,
               lookups=(LookUp("shop.other.org", "198.51.100.40"),)),

    # IPv6.
    Connection("ipv6", "IPv6",
               "roll1", "bob.example.com", "2001:db8::7", 443, RED_SET, True,
               lookups=(LookUp("bob.example.com", "2001:db8::7"),)),
    Connection("ipv6-next", "the IPv6 address next to it",
               "roll1", "2001:db8::8", "2001:db8::8", 443, END_OF_DEFAULT, False,
               twin="ipv6", differs="the address"),

    # Who looked it up.
    Connection("unasked", "an allowed name's address that nobody looked up",
               "roll1", "quick.example.com", "198.51.100.33", 443, END_OF_DEFAULT, False,
               twin="asked", differs="its own look-up"),
    Connection("other", "another workload looks it up and connects",
               "prod1", "quick.example.com", "198.51.100.33", 443, RED_SET, True,
               lookups=(LookUp("quick.example.com", "198.51.100.33"),)),
    Connection("borrowed", "the other's look-up opens nothing here",
               "roll1", "quick.example.com", "198.51.100.33", 443, END_OF_DEFAULT, False,
               twin="other", differs="who connects"),
    Connection("asked", "after its own look-up it may",
               "roll1", "quick.example.com", "198.51.100.33", 443, RED_SET, True,
               lookups=(LookUp("quick.example.com", "198.51.100.33"),)),
    Connection("rogue", "an answer from a rogue server opens nothing",
               "roll1", "bob.example.com", "198.51.100.66", 443, END_OF_DEFAULT, False,
               lookups=(LookUp("bob.example.com", "198.51.100.66", server=ROGUE_ADDRESSES[0]),),
               twin="wildcard", differs="the server asked"),

    # Ports, protocols, CIDRs, and the end of a tier.
    Connection("repo", "a set of names, on its port",
               "svc3", "app2-repo.example.com", "203.0.113.10", 443, REPO, True, lookups=REPO_NAME),
    Connection("repo-port", "the same name on another port",
               "svc3", "app2-repo.example.com", "203.0.113.10", 80, END_OF_APPLICATION, False,
               lookups=REPO_NAME, twin="repo", differs="the port"),
    Connection("repo-udp", "the same name and port over UDP",
               "svc3", "app2-repo.example.com", "203.0.113.10", 443, END_OF_APPLICATION, False,
               transport="udp", lookups=REPO_NAME, twin="repo", differs="the protocol"),
    Connection("cidr", "a set of CIDRs, on its port",
               "svc3", "10.10.10.10/32", "10.10.10.10", 1010, PARTNER, True),
    Connection("cidr-port", "the same CIDR on another port",
               "svc3", "10.10.10.10/32", "10.10.10.10", 443, END_OF_APPLICATION, False,
               twin="cidr", differs="the port"),
    Connection("cidr-next", "the address next to it",
               "svc3", "10.10.10.11", "10.10.10.11", 1010, END_OF_APPLICATION, False,
               twin="cidr", differs="the address"),
    Connection("unselected", "the same from a pod that no policy selects",
               "svc1", "10.10.10.11", "10.10.10.11", 1010, _profile("app2-ns"), True),
    Connection("dns-udp", "a rule without a destination",
               "svc3", "8.8.8.8", "8.8.8.8", 53, DNS, True, transport="udp"),
    Connection("dns-tcp", "the default deny at the end of a tier",
               "svc3", "8.8.8.8", "8.8.8.8", 53, END_OF_APPLICATION, False, twin="dns-udp", differs="the protocol"),
    Connection("inside", "a CIDR in a policy",
               "red-prod", "192.0.2.0/24", "192.0.2.17", 443, EXTERNAL, True),
    Connection("outside", "the next network",
               "red-prod", "192.0.3.0/24", "192.0.3.17", 443, END_OF_DEFAULT, False,
               twin="inside", differs="the network"),

    # A tier before the others, and pods.
    Connection("dev1", "a global set of names",
               "dev1-a", "repo.acme.corp", "10.50.0.5", 443, DEV1_REPO, True, lookups=DEV1_REPO_NAME),
    Connection("dev1-port", "the same name on another port",
               "dev1-a", "repo.acme.corp", "10.50.0.5", 80, END_OF_SECURITY, False,
               lookups=DEV1_REPO_NAME, twin="dev1", differs="the port"),
    Connection("dev1-partner", "a global set of CIDRs",
               "dev1-a", "10.10.10.10/32", "10.10.10.10", 1010, DEV1_PARTNER, True),
    Connection("pods", "namespaceSelector: all() is every pod",
               "dev1-a", "pod shop1", "10.244.6.10", 8080, DEV1_PODS, True),
    Connection("not-a-pod", "… and nothing outside",
               "dev1-a", "198.51.100.1", "198.51.100.1", 8080, END_OF_SECURITY, False,
               twin="pods", differs="the destination"),
    Connection("pods-other", "a pod whose policy has no rule for pods",
               "svc3", "pod shop1", "10.244.6.10", 8080, END_OF_APPLICATION, False,
               twin="pods", differs="who connects"),

    # Names themselves: a workload whose policy has no DNS rule.
    Question("question", "a default-deny workload asks a name its rule has",
             "dev1-a", "repo.acme.corp", "10.50.0.5"),
    Question("question-unknown", "it asks a name that its policy does not know",
             "dev1-a", "www.repo.acme.corp", "", twin="question", differs="the name"),
    Question("question-allowed", "a workload that may use DNS asks the same",
             "roll1", "www.repo.acme.corp", "10.50.0.6"),
    Question("question-none", "a workload whose policy knows no name at all",
             "red-prod", "www.repo.acme.corp", "", twin="question-allowed", differs="who asks"),

    # A host endpoint with a deny list, before connection tracking.
    Connection("listed", "a source on the host's deny list",
               "internet", "host gw", "10.0.0.9", 9999, DENY_LIST, False, transport="udp",
               source="192.0.2.55", arrives_at="node", twin="unlisted", differs="the source address"),
    Connection("listed-net", "a source in a listed network",
               "internet", "host gw", "10.0.0.9", 9999, DENY_LIST, False, transport="udp",
               source="203.0.113.200", arrives_at="node", twin="unlisted", differs="the source address"),
    Connection("unlisted", "the address next to a listed one",
               "internet", "host gw", "10.0.0.9", 9999, NOT_LISTED, True, transport="udp",
               source="192.0.2.56", arrives_at="node"),

    # Unknown is closed.
    Connection("stranger", "a container that is no known workload",
               "stranger", "198.51.100.7", "198.51.100.7", 443, UNKNOWN_SENDER, False,
               twin="introduced", differs="being known"),
    Connection("to-stranger", "… and nobody reaches it",
               "roll2", "pod stranger", "10.244.9.10", 8080, UNKNOWN_RECEIVER, False,
               twin="to-introduced", differs="being known"),
    Introduction("dnsguard is told of the stranger", "stranger"),
    Connection("introduced", "the same, now known",
               "stranger", "198.51.100.7", "198.51.100.7", 443, _profile("nowhere"), True, within=1.0),
    Connection("to-introduced", "… and it is reached",
               "roll2", "pod stranger", "10.244.9.10", 8080, _profile("rollout-test"), True),

    # A change of policy.
    Connection("not-yet", "a name that no set has",
               "svc3", "late.partner.net", "198.51.100.60", 443, END_OF_APPLICATION, False,
               lookups=LATE, twin="added", differs="the set"),
    DomainChange("late.partner.net is added to the set app2-repo", "app2-ns", "app2-repo", "late.partner.net", True),
    Connection("added", "usable within a second",
               "svc3", "late.partner.net", "198.51.100.60", 443, REPO, True, lookups=LATE, within=1.0),
    DomainChange("late.partner.net is removed again", "app2-ns", "app2-repo", "late.partner.net", False),
    Connection("removed", "closed to new connections within a second",
               "svc3", "late.partner.net", "198.51.100.60", 443, END_OF_APPLICATION, False,
               lookups=LATE, twin="added", differs="the set", within=1.0),
)
# fmt: on
