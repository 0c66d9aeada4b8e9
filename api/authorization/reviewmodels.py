"""Reviews: Kubernetes' objects that ask who somebody is and what it may. They are answered, and kept nowhere."""

from typing import Any, Final, Literal

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from dnsguard.access.ask import Ask
from dnsguard.api.views.models import View

AUTHORIZATION: Final = "authorization.k8s.io/v1"
AUTHENTICATION: Final = "authentication.k8s.io/v1"


class _Question(View):
    """What is asked. Fields that nothing here depends on are passed over: clients of other releases send them."""

    model_config = ConfigDict(extra="ignore", alias_generator=to_camel)


class ResourceAttributes(_Question):
    """A request about objects."""

    verb: str = ""
    """`get`, `list`, `create` and the like; `*` for all."""

    group: str = ""
    """API group; empty for the core group."""

    resource: str = ""
    """The plural; `*` for all."""

    subresource: str = ""
    namespace: str = ""
    """Empty for all of them."""

    name: str = ""
    """Empty for a request that names none."""


class NonResourceAttributes(_Question):
    """A request about a path that is no kind."""

    path: str = ""
    verb: str = ""
    """The HTTP method in small letters."""


class AccessQuestion(_Question):
    """Exactly one of the two."""

    resource_attributes: ResourceAttributes | None = None
    non_resource_attributes: NonResourceAttributes | None = None

    def ask(self) -> Ask | None:
        """The question as rules judge it; None where it is none or two."""
        asked, path = self.resource_attributes, self.non_resource_attributes
        if (asked is None) == (path is None):
            return None
        if path is not None:
            return Ask(path.verb, path=path.path)
        assert asked is not None  # noqa: S101 - one of them is there
        resource = f"{asked.resource}/{asked.subresource}" if asked.subresource else asked.resource
        return Ask(asked.verb, asked.group, resource, asked.namespace, asked.name)


class SubjectQuestion(AccessQuestion):
    """About somebody else."""

    user: str = ""
    groups: tuple[str, ...] = ()
    """All of them: none is added."""


class RulesQuestion(_Question):
    """About everything in a namespace."""

    namespace: str = ""


class AccessAnswer(View):
    """Whether it is allowed."""

    allowed: bool
    reason: str = ""
    """Why not."""


class ResourceRule(View):
    """As in a role."""

    verbs: tuple[str, ...]
    api_groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    resource_names: tuple[str, ...] = ()


class NonResourceRule(View):
    """As in a role."""

    verbs: tuple[str, ...]
    non_resource_urls: tuple[str, ...] = Field(default=(), alias="nonResourceURLs")


class RulesAnswer(View):
    """All that is allowed."""

    resource_rules: tuple[ResourceRule, ...]
    non_resource_rules: tuple[NonResourceRule, ...]
    incomplete: bool = False


class UserInfo(View):
    """Who asks."""

    username: str
    groups: tuple[str, ...]


class UserAnswer(View):
    """Who asks."""

    user_info: UserInfo


class _Review(_Question):
    """What reviews share."""

    metadata: dict[str, Any] = Field(default_factory=dict)


class SelfSubjectAccessReview(_Review):
    """May I?"""

    api_version: Literal["authorization.k8s.io/v1"] = AUTHORIZATION
    kind: Literal["SelfSubjectAccessReview"] = "SelfSubjectAccessReview"
    spec: AccessQuestion
    status: AccessAnswer | None = None


class SubjectAccessReview(_Review):
    """May somebody else? Asking needs the right to create these."""

    api_version: Literal["authorization.k8s.io/v1"] = AUTHORIZATION
    kind: Literal["SubjectAccessReview"] = "SubjectAccessReview"
    spec: SubjectQuestion
    status: AccessAnswer | None = None


class SelfSubjectRulesReview(_Review):
    """What may I do?"""

    api_version: Literal["authorization.k8s.io/v1"] = AUTHORIZATION
    kind: Literal["SelfSubjectRulesReview"] = "SelfSubjectRulesReview"
    spec: RulesQuestion
    status: RulesAnswer | None = None


class SelfSubjectReview(_Review):
    """Who am I?"""

    api_version: Literal["authentication.k8s.io/v1"] = AUTHENTICATION
    kind: Literal["SelfSubjectReview"] = "SelfSubjectReview"
    status: UserAnswer | None = None
