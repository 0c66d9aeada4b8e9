"""Random parts of policy, as manifests have them.

Few labels, ports and addresses, so that rules often hit. What the validation of resources refuses is drawn again.
"""

from collections.abc import Sequence
from random import Random
from typing import Any, TypeVar

from tests.worlds.scene import SERVICE

Item = TypeVar("Item")
Manifest = dict[str, Any]

NAMESPACES = ("red", "blue")
TIERS = ("default", "first", "second", "third")
PORTS = (53, 80, 443, 8080)
PORT_NAMES = ("web", "dns")
DOMAINS = ("a.example.org", "*.example.org", "b.example.net", "*.net")
SELECTORS = (
    *(
        "all()",
        "all()",
        "all()",
        "has(role)",
        "role == 'a'",
        "role == 'b'",
        "role != 'a'",
        "has(role)",
        "!has(zone)",
        "zone in {'x', 'y'}",
    ),
    *("role == 'a' && zone == 'x'", "role == 'b' || zone == 'y'", "projectcalico.org/namespace == 'red'"),
    *(
        "!has(projectcalico.org/namespace)",
        "zone starts with 'x'",
        "own == 'yes'",
        "kind == 'set'",
        "nothing == 'here'",
    ),
)
OF_NAMESPACES = ("all()", "env == 'prod'", "env != 'prod'", "projectcalico.org/name == 'red'", "has(env)")
PRETENDED: tuple[dict[str, str], ...] = (
    {"pcns.env": "prod"},
    {"pcns.projectcalico.org/name": "red"},
    {"pcsa.projectcalico.org/name": "one"},
    {"projectcalico.org/serviceaccount": "two"},
)
"""Labels that make an object look as if it were of another namespace, or ran as somebody."""
NETS = {
    4: ("10.65.0.0/24", "10.65.0.2/31", "10.65.0.4/32", "192.0.2.0/24", "192.0.2.10/32", "198.51.100.8/29",
        "0.0.0.0/0", "203.0.113.0/24", "128.0.0.0/1", f"{SERVICE[0]}/32"),
    6: ("2001:db8:65::/64", "2001:db8:65::2/127", "2001:db8:c0::/48", "2001:db8:c0::10/128", "2001:db8:c1::/64",
        "::/0", "2001:db8:c2::/64", f"{SERVICE[1]}/128"),
}  # fmt: skip
_WITH_PORTS = ("TCP", "UDP", "SCTP", 6, 17, "132")
_ICMP = ("ICMP", "ICMPv6", 1, 58)


class Dice:
    """Draws from one seed."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def often(self, chance: float) -> bool:
        return self.random.random() < chance

    def one(self, items: Sequence[Item]) -> Item:
        return self.random.choice(items)

    def some(self, items: Sequence[Item], *counts: int) -> list[Item]:
        """So many different ones as one of the counts says."""
        return self.random.sample(items, min(len(items), self.one(counts)))

    def labels(self) -> dict[str, str]:
        made = {}
        if self.often(0.9):
            made["role"] = self.one(("a", "b"))
        if self.often(0.6):
            made["zone"] = self.one(("x", "y"))
        if self.often(0.15):
            made |= self.one(PRETENDED)
        return made

    def order(self) -> Manifest:
        order = self.one((None, None, 10, 20, 20, 30, -5, 0.5))
        return {} if order is None else {"order": order}

    def rules(self, direction: str, *, early: bool = False) -> list[Manifest]:
        rules = [self.rule(direction, early=early) for _ in range(self.one((0, 1, 2, 2, 3, 4, 5)))]
        return [*rules, {"action": "Pass"}] if self.often(0.2) else rules

    def rule(self, direction: str, *, early: bool = False) -> Manifest:
        actions = ("Allow",) * 6 + ("Deny",) * 4 + ("Pass",) * 3 + ("Log",)
        rule: Manifest = {"action": self.one(("Allow", "Allow", "Deny", "Deny", "Pass", "Log") if early else actions)}
        if early and self.often(0.3):
            return rule
        family = self.one((4, 4, 6))
        if self.often(0.12):
            rule["ipVersion"] = family
        kinds = (
            None,
            None,
            None,
            None,
            None,
            None,
            "TCP",
            "TCP",
            "UDP",
            "UDP",
            "SCTP",
            "UDPLite",
            6,
            17,
            89,
            "132",
            *_ICMP,
        )
        protocol = self.one(kinds)
        if protocol is not None:
            rule["protocol"] = protocol
        if self.often(0.14):
            rule["notProtocol"] = self.one(("TCP", "UDP", 17, "ICMP", "ICMPv6", 89))
        if protocol in _ICMP and self.often(0.6):
            rule["icmp"] = self.icmp()
        if self.often(0.1):
            rule["notICMP"] = self.icmp()
        for side in "source", "destination":
            entity = self.entity(side, direction, rule, family)
            if entity or self.often(0.1):
                rule[side] = entity
        return rule

    def icmp(self) -> Manifest:
        kind = {"type": self.one((8, 8, 8, 13, 128, 128, 139))}
        return kind if self.often(0.4) else {**kind, "code": self.one((0, 1))} if self.often(0.95) else {}

    def entity(self, side: str, direction: str, rule: Manifest, family: int) -> Manifest:
        far = (side == "source") == (direction == "ingress")
        made: Manifest = {}
        if self.often(0.5 if far else 0.1):
            made |= self._who(side, direction, rule, family)
        if self.often(0.1):
            made["notNets"] = [net for net in self.some(NETS[family], 1, 1, 2, 0) if not net.endswith("/0")]
        protocol = rule.get("protocol")
        if protocol is None or protocol in _WITH_PORTS:
            chance = 0.4 if side == "destination" else 0.08
            if self.often(chance if protocol is not None else chance / 4):
                made["ports"] = self.ports(numbered=protocol is not None)
            if self.often(0.12):
                made["notPorts"] = self.ports(numbered=protocol is not None)
        return made

    def ports(self, *, numbered: bool) -> list[Any]:
        singles: tuple[Any, ...] = (*PORTS, "80:443", "1:1023", "8080", "8000:9000", "40000:50000")
        if not numbered:
            return self.some(PORT_NAMES, 1, 1, 2)
        if self.often(0.15):  # more than the kernel has rules for
            return self.some((22, 53, 80, 179, 443, 5353, 8080, 40001, 60000), 5, 6, 7)
        return [*self.some(singles, 1, 1, 2, 2, 3, 5, 6, 0), *(self.some(PORT_NAMES, 1, 2) if self.often(0.4) else [])]

    def _who(self, side: str, direction: str, rule: Manifest, family: int) -> Manifest:
        kinds = ["nets", "nets", "selector", "selector", "both", "namespaces", "notSelector", "accounts", "everything"]
        if side == "destination" and direction == "egress" and rule["action"] == "Allow":
            kinds += ["domains"] * 5
        match self.one(kinds):
            case "nets":
                return {"nets": self.some(NETS[family], 1, 1, 2, 3, 0)}
            case "selector":
                return {"selector": self.one(SELECTORS)}
            case "both":
                return {"selector": self.one(SELECTORS), "nets": self.some(NETS[family], 1, 2)}
            case "namespaces":
                made = {"namespaceSelector": self.one((*OF_NAMESPACES, "global()", "global()"))}
                return made | ({"selector": self.one(SELECTORS)} if self.often(0.5) else {})
            case "notSelector":
                made = {"notSelector": self.one(SELECTORS)}
                return made | ({"selector": self.one(SELECTORS)} if self.often(0.5) else {})
            case "accounts":
                chosen = {"names": [self.one(("one", "two"))]}
                selected = {"selector": f"projectcalico.org/name == '{self.one(('one', 'two'))}'"}
                return {"serviceAccounts": self.one((chosen, selected, {**chosen, **selected}))}
            case "domains":
                return {"domains": self.some(DOMAINS, 1, 1, 2, 0)}
            case _:
                return {}
