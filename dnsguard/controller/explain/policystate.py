"""One state of policy, with all that it takes to explain it: each thing is made when first asked for, and once."""

from functools import cached_property

from dnsguard.calc.compiled import Compiled
from dnsguard.calc.evaluator.evaluate import Evaluator
from dnsguard.calc.evaluator.node import Node
from dnsguard.calc.staging import View
from dnsguard.controller.explain.origins import Origins
from dnsguard.controller.explain.unselecting import compile_idle
from dnsguard.controller.explain.words import Words
from dnsguard.controller.explain.written import Written
from dnsguard.resources import Resource


class PolicyState:
    """Policy as it is enforced, or as it would be. Most of it blocks where it is asked for first."""

    def __init__(self, compiled: Compiled, resources: tuple[Resource, ...], view: View = View.ENFORCED) -> None:
        """``compiled`` is what the resources come to in the view."""
        self.compiled = compiled
        self.written = Written(resources, view)
        self.words = Words(compiled, self.written)
        self._evaluators: tuple[Node, Evaluator] | None = None

    def evaluator(self, node: Node) -> Evaluator:
        """The last one while the node is the same: making it walks all endpoints."""
        if self._evaluators is None or self._evaluators[0] != node:
            self._evaluators = node, Evaluator(self.compiled, node)
        return self._evaluators[1]

    @cached_property
    def idle(self) -> Compiled:
        """The policies that select nobody, as if they selected everybody."""
        return compile_idle(self.written, self.compiled)

    @cached_property
    def origins(self) -> Origins:
        """Where the patterns of lease sets come from."""
        return Origins(self.written.network_sets)
