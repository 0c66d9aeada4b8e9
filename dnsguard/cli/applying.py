"""The answer of `dnsguard effective` for people: stages, tiers, policies, rules in words, the sets that they name."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from dnsguard.cli.table import aligned

Part = Mapping[str, Any]
Sets = Mapping[tuple[str, str], Part]

FEW: Final = 5
"""Members of a list that are shown of it."""

_WAYS: Final = {"egress": "what it sends", "ingress": "what is sent to it"}
_MARKS: Final = {"ToBeAdded": "staged, not in force: ", "ToBeRemoved": "staged to go: "}


def listing(found: Part) -> list[str]:
    """Lines."""
    sets = {(each["kind"], each["id"]): each for each in found["sets"]}
    lines = list(_head(found))
    for stage in found["stages"]:
        name = "" if stage["stage"] == "normal" else f", {stage['stage']} stage"
        lines += ["", f"{stage['direction'].capitalize()}{name}: {_WAYS[stage['direction']]}; what comes first decides"]
        lines += (f"  {line}" for line in _stage(stage, sets))
    if sets:
        lines += ["", "Sets", *(f"  {line}" for each in found["sets"] for line in _set(each))]
    if found.get("notes"):
        lines += ["", "Notes", *(f"  {note}" for note in found["notes"])]
    return lines


def _head(found: Part) -> Iterator[str]:
    name = "/".join(filter(None, (found["namespace"], found["name"])))
    state = f"not enforced: {found['problem']}" if found["problem"] else f"enforced, revision {found['revision']}"
    yield f"{found['kind']} {name}: {state}"
    facts = {
        "node": found["node"],
        "interface": found["interface"],
        "addresses": ", ".join(found["addresses"]),
        "labels": ", ".join(f"{key}={value}" for key, value in sorted(found["labels"].items())),
        "profiles": ", ".join(found["profiles"]),
    }
    yield from (f"  {line}" for line in aligned([[name, text] for name, text in facts.items() if text]))


def _stage(stage: Part, sets: Sets) -> Iterator[str]:
    yield from _implicit(stage["before"])
    for tier in stage["tiers"]:
        yield f"{_MARKS.get(tier['staged'], '')}tier {tier['tier']}"
        for policy in tier["policies"]:
            yield f"  {_MARKS.get(policy['staged'], '')}{policy['policy']}"
            yield from (f"    {line}" for line in _rules(policy["rules"], sets))
        yield f"  {tier['end']}: end of the tier"
    for profile in stage["profiles"]:
        yield f"profile {profile['profile']}"
        yield from (f"  {line}" for line in _rules(profile["rules"], sets))
    yield from _implicit([stage["end"]])
    yield from (f"then: {text}" for text in stage["then"])


def _implicit(rules: Iterable[Part]) -> list[str]:
    return [f"{rule['action']}: {rule['text']}" for rule in rules]


def _rules(rules: Sequence[Part], sets: Sets) -> list[str]:
    if not rules:
        return ["no rules: it only makes the tier apply"]
    return aligned([[str(rule["rule"]), rule["action"], _conditions(rule, sets)] for rule in rules])


def _conditions(rule: Part, sets: Sets) -> str:
    parts = [f"IPv{rule['ipVersion']}"] if rule["ipVersion"] else []
    parts += [rule["protocol"]] if rule["protocol"] else []
    parts += [f"not {rule['notProtocol']}"] if rule["notProtocol"] else []
    parts += [rule["icmp"]] if rule["icmp"] else []
    parts += [f"not {rule['notIcmp']}"] if rule["notIcmp"] else []
    for word, field in (("from", "source"), ("to", "destination")):
        if rule[field] is not None:
            parts.append(f"{word} {_end(rule[field], sets)}")
    return " ".join(parts) or "everything"


def _end(end: Part, sets: Sets) -> str:
    where = []
    if end["nets"] is not None:
        where.append(few(end["nets"]) or "no address at all")
    selected = [_selected("Addresses", end["members"], sets)] if end["members"] else []
    selected += [_selected("Names", end["names"], sets)] if end["names"] else []
    if selected:
        where.append(" or ".join(selected))
    text = " and ".join(where)
    if end["ports"] is not None:
        text += f" port {few(end['ports']) or '(none)'}"
    if end["namedPorts"]:
        text += f"{' or' if end['ports'] is not None else ''} port {_selected('Ports', end['namedPorts'], sets)}"
    excluded = [few(end["notNets"])] if end["notNets"] else []
    excluded += [_selected("Addresses", end["notMembers"], sets)] if end["notMembers"] else []
    excluded += [f"port {few(end['notPorts'])}"] if end["notPorts"] else []
    excluded += [f"port {_selected('Ports', end['notNamedPorts'], sets)}"] if end["notNamedPorts"] else []
    if excluded:
        text = f"{text or 'anything'} but not {' nor '.join(excluded)}"
    return text.strip()


def _selected(kind: str, name: str, sets: Sets) -> str:
    found = sets[kind, name]
    if kind == "Names":
        return f"names {few(found['members'], found['count']) or '(none)'}"
    unit = "CIDR" if kind == "Addresses" else "port"
    return f"{found['description']} ({found['count']} {unit}{'' if found['count'] == 1 else 's'})"


def _set(each: Part) -> Iterator[str]:
    yield f"{each['kind'].lower()} of {each['description']}: {few(each['members'], each['count']) or 'nothing'}"
    if each["origins"]:
        yield f"  from {few(each['origins'])}"
    for learned in each["learned"]:
        yield f"  {learned['name']} → {learned['address']}, for {learned['secondsLeft']:.0f} s more"
    if each["kind"] == "Names" and not each["learned"]:
        yield "  no address learned by this endpoint now"
    yield f"  in the kernel: {', '.join(each['kernelSets'])}"


def few(items: Sequence[str], count: int | None = None) -> str:
    """The first of them, and how many more there are."""
    count = len(items) if count is None else count
    more = f" and {count - FEW} more" if count > FEW else ""
    return ", ".join(items[:FEW]) + more
