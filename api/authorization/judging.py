"""Who is asked about each object on its way into the store, or out of it."""

from typing import Protocol

from dnsguard.store.interface import Object


class Judge(Protocol):
    """Says whether the caller may do this. Each method raises Failure 403 where not."""

    def absent(self) -> None:
        """There is no object of the name that the request is about."""

    def before(self, current: Object) -> None:
        """An object as it is. Raises NotFound where the caller must not know of it."""

    def after(self, current: Object | None, value: Object, *, named: bool = True) -> None:
        """What is to be written, and what it replaces. ``named``: the caller chose the name."""


class _Anything:
    """Of what the program itself does."""

    def absent(self) -> None: ...

    def before(self, current: Object) -> None: ...

    def after(self, current: Object | None, value: Object, *, named: bool = True) -> None: ...


ANYTHING = _Anything()
