"""A path that has a function for each method."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Serve = Callable[[Request], Awaitable[Response]]


class MethodsRoute(Route):
    """One look at the path for all of its methods. FastAPI looks at each of a router's routes in turn, and at those of
    the router that is taken twice; then it looks for dependencies, of which these functions have none."""

    def __init__(self, path: str, methods: Mapping[str, Serve]) -> None:
        async def serve(request: Request) -> Response:
            return await methods[request.method](request)

        super().__init__(path, serve, methods=list(methods), include_in_schema=False)
        self.methods = set(methods)  # without the HEAD that Starlette adds
