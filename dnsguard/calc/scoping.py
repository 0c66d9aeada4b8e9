"""Effective selectors: what a selector means once the policy's kind and its other selectors are taken into account."""

from dataclasses import dataclass

from dnsguard.resources import EntityRule, Selector
from dnsguard.resources.labels import NAMESPACE, NAMESPACE_PREFIX, SERVICE_ACCOUNT, SERVICE_ACCOUNT_PREFIX
from dnsguard.resources.policy import GlobalPolicySpec, PolicySpec
from dnsguard.resources.rule import ServiceAccounts
from dnsguard.selector import All, Equals, Expression, Global, Has, In, Not, conjunction, prefixed, replaced


def policy_selector(spec: PolicySpec, namespace: str) -> Expression:
    """Which endpoints a policy of this namespace applies to; the namespace of a global one is empty.

    In a global policy that restricts namespaces, `all()` means everything *with* a namespace, wherever it stands; so
    host endpoints are left out unless the selectors are true of an object without namespace labels.
    """
    selector = _written(spec.selector)
    accounts = _written(spec.service_account_selector)
    if isinstance(spec, GlobalPolicySpec):
        namespaces = _written(spec.namespace_selector)
        if namespaces is not None:
            selector = replaced(_joined(selector, prefixed(namespaces, NAMESPACE_PREFIX)), All, Has(NAMESPACE))
        if accounts is not None:
            selector = _joined(selector, prefixed(accounts, SERVICE_ACCOUNT_PREFIX))
            selector = replaced(selector, All, Has(SERVICE_ACCOUNT))
        return selector or All()
    selector = _joined(selector, Equals(NAMESPACE, namespace))
    return selector if accounts is None else conjunction(selector, prefixed(accounts, SERVICE_ACCOUNT_PREFIX))


@dataclass(frozen=True, slots=True)
class EntitySelectors:
    """What the selectors of one end of a rule come to. At most one of the two is present."""

    positive: Expression | None = None
    """The address must belong to an object that matches."""

    negative: Expression | None = None
    """The address must not belong to any object that matches; addresses of no object are fine."""


def entity_selectors(entity: EntityRule, namespace: str) -> EntitySelectors:
    """The effective selectors of a rule's source or destination; `namespace` is empty in a global policy or profile.

    A selector beside others narrows objects, not addresses: `notSelector` stays a condition on addresses only where
    nothing else selects.
    """
    own = _written(entity.selector)
    excluded = _written(entity.not_selector)
    namespaces = _written(entity.namespace_selector)
    accounts = _service_accounts(entity.service_accounts)
    positive = own if accounts is None else _joined(accounts, own)
    if positive is not None or excluded is not None or namespaces is not None:
        scope = _scope(namespaces, namespace)
        positive = positive if scope is None else _joined(scope, positive)
    if excluded is None:
        return EntitySelectors(positive=positive)
    if positive is None:
        return EntitySelectors(negative=excluded)
    return EntitySelectors(positive=conjunction(positive, Not(excluded)))


def _scope(namespaces: Expression | None, namespace: str) -> Expression | None:
    if namespaces is not None:
        scope = replaced(prefixed(namespaces, NAMESPACE_PREFIX), All, Has(NAMESPACE))
        return replaced(scope, Global, Not(Has(NAMESPACE)))
    return Equals(NAMESPACE, namespace) if namespace else None


def _service_accounts(accounts: ServiceAccounts | None) -> Expression | None:
    if accounts is None:
        return None
    selector = _written(accounts.selector)
    if selector is not None:
        selector = replaced(prefixed(selector, SERVICE_ACCOUNT_PREFIX), All, Has(SERVICE_ACCOUNT))
    if accounts.names is None:
        return selector
    return _joined(In(SERVICE_ACCOUNT, frozenset(accounts.names)), selector)


def _written(selector: Selector | None) -> Expression | None:
    """The expression, None where nothing or only blanks were written."""
    return selector.expression if selector is not None else None


def _joined(first: Expression | None, second: Expression | None) -> Expression:
    """Both of them, of which at least one is there."""
    return conjunction(*(expression for expression in (first, second) if expression is not None))
