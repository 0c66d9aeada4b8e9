"""The answer of `dnsguard explain` for people: verdict, decisive rule, steps, what was learned, what would help."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from dnsguard.cli.output import as_text
from dnsguard.cli.table import aligned

Part = Mapping[str, Any]


def explanation(answer: Part) -> list[str]:
    """Lines. The first is the whole answer in short."""
    lines = [f"{answer['verdict']}: {answer['summary']}"]
    outcomes = answer.get("outcomes", ())
    for outcome in outcomes:
        if len(outcomes) > 1:
            lines += ["", f"{outcome['verdict']} for {_flows(outcome['flows'])}"]
        lines += _outcome(outcome)
    if name := answer.get("name"):
        lines += ["", f"What {answer['source']} knows of {name['name']}", *_name(name)]
    if pending := answer.get("pending"):
        lines += ["", *_pending(pending)]
    if notes := answer.get("notes"):
        lines += ["", "Notes", *(f"  {note}" for note in notes)]
    return lines


def _outcome(outcome: Part) -> Iterator[str]:
    decision = outcome["decision"]
    if written := decision.get("written"):
        yield from ("", f"The rule that decides: {_rule(decision)}")
        yield from _indented(written)
    if steps := outcome.get("steps"):
        yield from ("", "Steps", *_steps(steps))
    if near := outcome.get("nearest"):
        yield from ("", "Nearest rule that allows", *(line for each in near for line in _near(each)))
    if behind := outcome.get("behind"):
        yield from ("", "Rules that would allow it, and come too late", *map(_late, behind))
    if unselecting := outcome.get("unselecting"):
        title = "Policies that would allow it, and do not select the endpoint"
        yield from ("", title, *(line for each in unselecting for line in _unselecting(each)))


def _flows(flows: Sequence[Part], most: int = 5) -> str:
    texts = [f"{flow['source']} → {flow['destination'] or 'an address new to it'}" for flow in flows]
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more


def _rule(decision: Part) -> str:
    where = f"{decision['direction']} of {decision['endpoint']}"
    tier = f", tier {decision['tier']}" if decision.get("tier") else ""
    return f"{decision['text'].removeprefix('by ')} ({where}{tier})"


def _indented(written: Any, by: str = "    ") -> Iterator[str]:
    return (f"{by}{line}" for line in as_text([written], "yaml").splitlines())


def _steps(steps: Sequence[Part]) -> Iterator[str]:
    for place, group in groupby(steps, _place):
        yield f"  {place}"
        rows = [_cells(step) for step in group]
        used = [column for column in range(len(rows[0])) if column == 0 or any(row[column] for row in rows)]
        yield from (f"    {line}" for line in aligned([[row[column] for column in used] for row in rows]))


def _place(step: Part) -> str:
    if not step.get("direction"):
        return "this node"
    stage = "" if step.get("stage", "normal") == "normal" else f", {step['stage']} stage"
    node = f", on node {step['node']}" if step.get("node") else ""
    return f"{step['direction']} of {step.get('endpoint', '')}{stage}{node}"


def _cells(step: Part) -> list[str]:
    rule = f"{step['policy']} rule {step['rule']}" if step.get("policy") else ""
    what = rule or ("end of tier" if step.get("tier") else "")
    sign = "→" if step.get("decides") else "+" if step.get("matched") else " "
    return [sign, step.get("tier", ""), what, step.get("action", ""), step.get("reason", "")]


def _near(rule: Part) -> Iterator[str]:
    yield f"  rule {rule['rule']} of {rule['policy']} ({rule['direction']} of {rule['endpoint']})"
    if matching := rule.get("matching"):
        yield f"    matches: {', '.join(matching)}"
    yield from (f"    but {reason}" for reason in rule.get("failing", ()))


def _late(rule: Part) -> str:
    where = f"{rule['direction']} of {rule['endpoint']}"
    return f"  rule {rule['rule']} of {rule['policy']} ({where}), but {rule['behind']} comes first"


def _unselecting(policy: Part) -> Iterator[str]:
    where = f"{policy['direction']} of {policy['endpoint']}"
    yield f"  {policy['policy']} (rule {policy['rule']}, tier {policy['tier']}, {where})"
    yield from (f"    {missing}" for missing in policy["missing"])


def _name(name: Part) -> Iterator[str]:
    for alias in name.get("aliases", ()):
        yield f"  {alias['owner']} → {alias['target']}, for {_seconds(alias)} more"
    for address in name.get("addresses", ()):
        whose = ", by a look-up that counts for the whole node" if address.get("nodeWide") else ""
        held = (
            f"leased{whose}" if address.get("sets") else "not leased: no policy of it that is in force takes the name"
        )
        yield f"  {address['address']} {held}, for {_seconds(address)} more"
    for address in name.get("withheld", ()):
        yield f"  {address['address']} no name opens: it is {address['reason']}, for {_seconds(address)} more"
    if not name.get("addresses") and not name.get("withheld"):
        yield "  no address: it has not looked it up lately"
    used = [each for each in name.get("carriers", ()) if each["used"]]
    for carrier in used:
        yield f"  {carrier['pattern']} ({carrier['origin']}) opens what it leads to: {', '.join(carrier['rules'])}"
    for carrier in [] if used else name.get("carriers", ()):
        rules = ", ".join(carrier["rules"]) or "no rule in force"
        yield f"  {carrier['pattern']} ({carrier['origin']}) matches it, but no rule of it looks there: {rules}"
    if not name.get("carriers"):
        yield "  no domain of any policy matches it"
    yield f"  {name['query']}"


def _seconds(part: Part) -> str:
    return f"{part['secondsLeft']:.0f} s"


def _pending(pending: Part) -> Iterator[str]:
    title = "Pending, if what is staged were enforced"
    if not pending["differs"]:
        yield f"{title}: the same"
        return
    yield f"{title}: {pending['verdict']}"
    for outcome in pending["outcomes"]:
        decision = outcome["decision"]
        yield f"  {outcome['verdict']} {decision['text']}, for {_flows(outcome['flows'])}"
        if written := decision.get("written"):
            yield from _indented(written)
