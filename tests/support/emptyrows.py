"""Every place in which something may be empty, and what a plain reading lets through once it is."""

from collections.abc import Iterator
from itertools import product
from typing import Any

from tests.support.emptiness import (
    KUBERNETES,
    PLACES,
    W_ADDRESSES,
    Manifest,
    Path,
    Reading,
    Row,
    everything,
    incoming,
    nothing,
    only,
    outgoing,
    policy,
    tcp,
    workload,
)


def _rule_rows(kind: str, action: str = "Allow") -> Iterator[Row]:
    """An egress rule with one place of its destination empty, which allows or denies; after a denial all is allowed."""
    known = "app in {'peer', 'far'}" if kind == "NetworkPolicy" else "has(app)"
    ends: list[tuple[str, Any, Any, Reading, Manifest]] = [
        # field, filled, empty, what the rule matches then, beside it in the rule
        ("nets", ["192.0.2.0/24"], [], nothing, {}),
        ("nets", ["192.0.2.0/24"], [], nothing, {"notNets": ["198.51.100.0/24"]}),
        ("nets", ["192.0.2.0/24"], [], nothing, {"selector": known}),
        ("notNets", ["192.0.2.0/24"], [], everything, {}),
        ("notNets", ["192.0.2.0/24"], [], nothing, {"nets": []}),
        ("ports", [443], [], nothing, {}),
        ("ports", [443], [], nothing, {"nets": ["192.0.2.0/24"]}),
        ("ports", [443], [], nothing, {"selector": known}),
        ("ports", ["web"], [], nothing, {}),
        ("notPorts", [443], [], tcp, {}),
        ("notPorts", ["web"], [], everything, {}),
        ("selector", "role == 'few'", "", everything, {}),
        ("selector", "role == 'few'", " ", everything, {}),
        ("selector", "role == 'few'", "has(nobody)", nothing, {}),
        ("selector", "role == 'few'", "role in {}", nothing, {}),
        ("selector", "role == 'few'", "!all()", nothing, {}),
        ("namespaceSelector", "has(projectcalico.org/name)", "", everything, {}),
        ("namespaceSelector", "has(projectcalico.org/name)", "projectcalico.org/name == 'nobody'", nothing, {}),
        ("namespaceSelector", "has(projectcalico.org/name)", "has(nobody)", nothing, {"selector": known}),
        ("serviceAccounts", {"names": ["runner"]}, {"names": []}, nothing, {}),
        ("serviceAccounts", {"names": ["runner"]}, {"names": [], "selector": "all()"}, nothing, {}),
        ("serviceAccounts", {"names": ["runner"]}, {"names": ["nobody"]}, nothing, {}),
        ("serviceAccounts", {"selector": "all()"}, {"selector": "has(nobody)"}, nothing, {}),
        ("serviceAccounts", {"names": ["runner"]}, {}, everything, {}),
    ]
    if action == "Allow":
        ends += [
            ("domains", ["a.example"], [], nothing, {}),
            ("domains", ["a.example"], [], nothing, {"notNets": ["192.0.2.0/24"]}),
        ]
    if kind == "GlobalNetworkPolicy":
        ends += [("notSelector", "has(app)", "has(nobody)", everything, {})]
        ends += [("notSelector", "has(app)", "", everything, {})]
        ends += [("notSelector", "has(app)", "has(nobody)", nothing, {"selector": "has(nobody)"})]
    else:  # there the other objects of the namespace are meant, and nothing outside
        ends += [("notSelector", "has(app)", "has(nobody)", only("peer", "few"), {})]
    short = "np" if kind == "NetworkPolicy" else "gnp"
    for number, (field, filled, empty, matched, more) in enumerate(ends):
        rule: Manifest = {"action": action, "destination": dict(more)}
        if filled == [443]:
            rule["protocol"] = "TCP"
        rules = [rule] if action == "Allow" else [rule, {"action": "Allow"}]
        yield Row(
            f"{short}-{action.lower()}-{field.lower()}-{number}",
            kind,
            {"selector": "app == 'w'", "types": ["Egress"], "egress": rules},
            ("spec", "egress", 0, "destination", field),
            filled,
            empty,
            outgoing(matched if action == "Allow" else _not(matched)),
        )


def _not(reading: Reading) -> Reading:
    return lambda probe: not reading(probe)


def _policy_rows() -> Iterator[Row]:
    """The lists of a policy itself."""
    rules = [{"action": "Allow", "destination": {"nets": ["192.0.2.0/24"]}}]
    on_w: Manifest = {"selector": "app == 'w'"}
    for kind, short in (("NetworkPolicy", "np"), ("GlobalNetworkPolicy", "gnp")):
        yield Row(
            f"{short}-egress", kind, {**on_w, "types": ["Egress"]}, ("spec", "egress"), rules, [], outgoing(nothing)
        )
        yield Row(
            f"{short}-ingress", kind, {**on_w, "types": ["Ingress"]}, ("spec", "ingress"), rules, [], incoming(nothing)
        )
        # The types are inferred: a list that is emptied takes its direction not out of the policy.
        yield Row(f"{short}-egress-alone", kind, on_w, ("spec", "egress"), rules, [], outgoing(nothing))
        yield Row(f"{short}-ingress-alone", kind, on_w, ("spec", "ingress"), rules, [], incoming(nothing))
        yield Row(
            f"{short}-egress-beside",
            kind,
            {**on_w, "ingress": [{"action": "Allow"}]},
            ("spec", "egress"),
            rules,
            [],
            outgoing(nothing),
        )
        for end in ("source", "destination"):
            path: Path = ("spec", "egress", 0, end)
            filled = {"selector": "has(nobody)"}
            spec: Manifest = {**on_w, "types": ["Egress"], "egress": [{"action": "Allow", "protocol": "TCP"}]}
            yield Row(f"{short}-{end}", kind, spec, path, filled, {}, outgoing(tcp))
        spec = {"types": ["Egress"], "egress": rules}
        for number, (empty, passes) in enumerate(
            [("", outgoing(only("few"))), ("has(nobody)", everything), ("app in {}", everything)]
        ):
            yield Row(f"{short}-selector-{number}", kind, spec, ("spec", "selector"), "app == 'w'", empty, passes)
        fields = ("serviceAccountSelector",) if short == "np" else ("serviceAccountSelector", "namespaceSelector")
        for field, (number, (empty, passes)) in product(
            fields, enumerate([("", outgoing(only("few"))), ("has(nobody)", everything)])
        ):
            name = f"{short}-{field.lower()}-{number}"
            yield Row(name, kind, {**on_w, **spec}, ("spec", field), "all()", empty, passes)


def _set_rows() -> Iterator[Row]:
    """Network sets that hold nothing, and a policy that allows what they hold."""
    places: list[tuple[Path, Any, Any, Manifest]] = [
        (("spec", "nets"), ["203.0.113.0/24"], [], {}),
        (("spec", "nets"), ["203.0.113.0/24"], [], {"allowedEgressDomains": []}),
        (("spec", "allowedEgressDomains"), ["a.example"], [], {}),
        (("spec", "allowedEgressDomains"), ["a.example"], [], {"nets": []}),
        (("spec",), {"nets": ["203.0.113.0/24"]}, {}, {}),
        (("metadata", "labels"), None, {}, {"nets": ["203.0.113.0/24"]}),
    ]
    scopes: dict[str, Manifest] = {"NetworkSet": {}, "GlobalNetworkSet": {"namespaceSelector": "global()"}}
    for kind, scope in scopes.items():
        for number, (path, filled, empty, more) in enumerate(places):
            name = f"{'gns' if scope else 'ns'}-{number}"
            destination = {"selector": f"holds == '{name}'", **scope}
            allowing = policy(name, [{"action": "Allow", "destination": destination}])
            labels = {"holds": name}
            filled = labels if filled is None else filled
            yield Row(name, kind, more, path, filled, empty, outgoing(nothing), (allowing,), tuple(labels.items()))


def _other_rows() -> Iterator[Row]:
    """Profiles without rules, endpoints without addresses or profiles."""
    for direction in ("ingress", "egress"):
        name = f"profile-{direction}"
        other = "egress" if direction == "ingress" else "ingress"
        spec: Manifest = {other: [{"action": "Allow"}]}
        of_w = workload("w", "shop", W_ADDRESSES, profiles=[name])
        reading = incoming(nothing) if direction == "ingress" else outgoing(nothing)
        yield Row(name, "Profile", spec, ("spec", direction), [{"action": "Allow"}], [], reading, (of_w,))
    name = "addressless"
    allowing = policy(name, [{"action": "Allow", "destination": {"selector": "app == 'addressless'"}}])
    spec = {"interfaceName": "cali-far", "profiles": ["kns.shop"]}
    path = ("spec", "ipNetworks")
    labels = (("app", name),)
    yield Row(name, "WorkloadEndpoint", spec, path, [PLACES["far"]], [], outgoing(nothing), (allowing,), labels)
    name = "hostless"
    allowing = policy(
        name, [{"action": "Allow", "destination": {"selector": f"app == '{name}'"}}], "GlobalNetworkPolicy"
    )
    spec = {"node": "node-a", "interfaceName": "eth0"}
    yield Row(
        name,
        "HostEndpoint",
        spec,
        ("spec", "expectedIPs"),
        [PLACES["out"]],
        [],
        outgoing(nothing),
        (allowing,),
        (("app", name),),
    )


def _kubernetes_rows() -> Iterator[Row]:
    """Policies of Kubernetes, whose documents say what is empty: a rule's list of peers or ports restricts nothing."""
    to_few = {"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}
    on_w: Manifest = {"podSelector": {"matchLabels": {"app": "w"}}}
    out: Manifest = {**on_w, "policyTypes": ["Egress"]}
    two_pods = only("peer")  # of the namespace; the other is w itself
    in_few = only("few")
    places: list[tuple[Manifest, Path, Any, Any, Reading]] = [
        ({**out, "egress": [to_few]}, ("podSelector",), {"matchLabels": {"app": "w"}}, {}, outgoing(in_few)),
        (
            {**out, "egress": [to_few]},
            ("podSelector", "matchLabels"),
            {"app": "w"},
            {},
            outgoing(in_few),
        ),
        ({**out, "egress": [to_few]}, ("podSelector",), {}, {"matchLabels": {"app": "nobody"}}, everything),
        (out, ("egress",), [to_few], [], outgoing(nothing)),
        ({**on_w, "policyTypes": ["Ingress"]}, ("ingress",), [{"from": to_few["to"]}], [], incoming(nothing)),
        (on_w, ("ingress",), [{"from": to_few["to"]}], [], incoming(nothing)),
        ({**out, "egress": [{}]}, ("egress", 0, "to"), to_few["to"], [], everything),
        ({**out, "egress": [{**to_few}]}, ("egress", 0, "ports"), [{"port": 443}], [], outgoing(in_few)),
        (
            {**out, "egress": [{"to": [{}]}]},
            ("egress", 0, "to", 0, "podSelector"),
            {"matchLabels": {"app": "far"}},
            {},
            outgoing(two_pods),
        ),
        (
            {**out, "egress": [{"to": [{}]}]},
            ("egress", 0, "to", 0, "podSelector"),
            {},
            {"matchLabels": {"app": "nobody"}},
            outgoing(nothing),
        ),
        (
            {**out, "egress": [{"to": [{}]}]},
            ("egress", 0, "to", 0, "namespaceSelector"),
            {"matchLabels": {"kubernetes.io/metadata.name": "ops"}},
            {},
            outgoing(only("peer", "far")),
        ),
        (
            {**out, "egress": [{"to": [{"podSelector": {}}]}]},
            ("egress", 0, "to", 0, "namespaceSelector"),
            {},
            {"matchLabels": {"kubernetes.io/metadata.name": "nobody"}},
            outgoing(nothing),
        ),
        (
            {**out, "egress": [{"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}]},
            ("egress", 0, "to", 0, "ipBlock", "except"),
            ["192.0.2.8/29"],
            [],
            outgoing(in_few),
        ),
    ]
    for number, (spec, path, filled, empty, reading) in enumerate(places):
        yield Row(
            f"knp-{number}", "NetworkPolicy", spec, ("spec", *path), filled, empty, reading, api_version=KUBERNETES
        )


def _staged_rows() -> Iterator[Row]:
    """What is staged changes nothing, whatever is empty in it."""
    spec = {"stagedAction": "Set", "selector": "app == 'w'", "types": ["Egress"]}
    rule = {"action": "Allow", "destination": {}}
    yield Row("staged", "StagedNetworkPolicy", spec, ("spec", "egress"), [rule], [], everything)
    deny = policy("staged-allow", [{"action": "Allow", "destination": {"nets": ["192.0.2.0/24"]}}])
    yield Row(
        "staged-allow",
        "StagedNetworkPolicy",
        {**spec, "egress": [rule]},
        ("spec", "egress", 0, "destination"),
        {"nets": ["198.51.100.0/24"]},
        {},
        outgoing(only("few")),
        (deny,),
    )


ROWS: tuple[Row, ...] = (
    *_rule_rows("NetworkPolicy"),
    *_rule_rows("GlobalNetworkPolicy"),
    *_rule_rows("NetworkPolicy", "Deny"),
    *_rule_rows("GlobalNetworkPolicy", "Deny"),
    *_policy_rows(),
    *_set_rows(),
    *_other_rows(),
    *_kubernetes_rows(),
    *_staged_rows(),
)
