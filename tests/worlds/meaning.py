"""What each selector that worlds draw from means, word by word: no parser, and no labels but those it is given."""

from collections.abc import Callable, Mapping

from tests.worlds.dice import Manifest

NAMESPACE = "projectcalico.org/namespace"
ACCOUNT = "projectcalico.org/serviceaccount"
Labels = Mapping[str, str]
Predicate = Callable[[Labels], bool]

MEANING: dict[str, Predicate] = {
    "all()": lambda _: True,
    "has(role)": lambda labels: "role" in labels,
    "role == 'a'": lambda labels: labels.get("role") == "a",
    "role == 'b'": lambda labels: labels.get("role") == "b",
    "role != 'a'": lambda labels: labels.get("role") != "a",
    "!has(zone)": lambda labels: "zone" not in labels,
    "zone in {'x', 'y'}": lambda labels: labels.get("zone") in ("x", "y"),
    "role == 'a' && zone == 'x'": lambda labels: (labels.get("role"), labels.get("zone")) == ("a", "x"),
    "role == 'b' || zone == 'y'": lambda labels: labels.get("role") == "b" or labels.get("zone") == "y",
    "projectcalico.org/namespace == 'red'": lambda labels: labels.get(NAMESPACE) == "red",
    "!has(projectcalico.org/namespace)": lambda labels: NAMESPACE not in labels,
    "zone starts with 'x'": lambda labels: labels.get("zone", "").startswith("x"),
    "own == 'yes'": lambda labels: labels.get("own") == "yes",
    "has(own)": lambda labels: "own" in labels,
    "kind == 'set'": lambda labels: labels.get("kind") == "set",
    "nothing == 'here'": lambda labels: labels.get("nothing") == "here",
    "env == 'prod'": lambda labels: labels.get("env") == "prod",
    "env != 'prod'": lambda labels: labels.get("env") != "prod",
    "has(env)": lambda labels: "env" in labels,
    "projectcalico.org/name == 'red'": lambda labels: labels.get("projectcalico.org/name") == "red",
    "projectcalico.org/name == 'one'": lambda labels: labels.get("projectcalico.org/name") == "one",
    "projectcalico.org/name == 'two'": lambda labels: labels.get("projectcalico.org/name") == "two",
}


def below(prefix: str, text: str) -> Predicate:
    """A selector about what an object inherits: from its namespace, or from its service account."""
    return lambda labels: MEANING[text](
        {key.removeprefix(prefix): value for key, value in labels.items() if key.startswith(prefix)}
    )


def both(*predicates: Predicate | None) -> Predicate | None:
    """All that are there; None where none is."""
    given = [each for each in predicates if each is not None]
    return (lambda labels: all(each(labels) for each in given)) if given else None


def has(key: str) -> Predicate:
    return lambda labels: key in labels


def is_in(namespace: str) -> Predicate:
    return lambda labels: labels.get(NAMESPACE) == namespace


def is_global(labels: Labels) -> bool:
    return NAMESPACE not in labels


def selected(entity: Manifest, namespace: str) -> tuple[Predicate | None, Predicate | None]:
    """What the address must belong to, and what it must not."""
    own, excluded, within = entity.get("selector"), entity.get("notSelector"), entity.get("namespaceSelector")
    accounts = entity.get("serviceAccounts")
    of_accounts = None
    if accounts is not None:
        chosen = below("pcsa.", accounts["selector"]) if "selector" in accounts else None
        listed = accounts.get("names")
        of_accounts = both(chosen, None if listed is None else lambda labels: labels.get(ACCOUNT) in listed)
    base = both(of_accounts, None if own is None else MEANING[own])
    scope: Predicate | None = None
    if within == "all()":
        scope = has(NAMESPACE)
    elif within == "global()":
        scope = is_global
    elif within is not None:
        scope = below("pcns.", within)
    elif namespace:
        scope = is_in(namespace)
    if base is None and excluded is None and within is None:
        scope = None
    positive = both(scope, base)
    if excluded is None:
        return positive, None
    if positive is None:
        return None, MEANING[excluded]
    return both(positive, lambda labels: not MEANING[excluded](labels)), None
