"""The application: routes, refusals, and what stands in front of them."""

import logging
from dataclasses import replace

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Match, Route

from dnsguard.api.answers import JSON, as_json
from dnsguard.api.auditing import Auditing, failed
from dnsguard.api.authentication.impersonation import Impersonation
from dnsguard.api.authentication.tokens import EitherToken
from dnsguard.api.authorization.access import Access
from dnsguard.api.authorization.paths import Paths
from dnsguard.api.authorization.reviews import ReviewRoutes
from dnsguard.api.authorization.sessions import Sessions
from dnsguard.api.description.catalogue import CatalogueRoutes
from dnsguard.api.failures import Failure, failure_of
from dnsguard.api.gate import Gate, caller_of
from dnsguard.api.kinds import KindRoutes
from dnsguard.api.reading.streams import Streams
from dnsguard.api.scraping import ScrapeRoute
from dnsguard.api.services import ANONYMOUS, Services
from dnsguard.api.traffic import Traffic
from dnsguard.api.views.followers import Followers
from dnsguard.api.views.routes import ViewRoutes
from dnsguard.api.views.setusers import SetUserRoutes
from dnsguard.api.writing.objects import Objects
from dnsguard.errors import DnsguardError

log = logging.getLogger(__name__)

REASONS = {404: "NotFound", 405: "MethodNotAllowed"}


def create_app(services: Services) -> FastAPI:
    """The API on these services.

    ``app.state.objects.ensure_builtins()`` creates what exists from the first start: call it before serving.
    ``app.state.access.follow()`` learns of roles and tokens: without that task `system:masters` alone is let in.
    ``app.state.streams.close()`` ends open watches and ``app.state.followers.close()`` who follows logs: call them
    before the server waits for its connections.
    """
    app = FastAPI(
        title="dnsguard",
        version=services.version,
        openapi_url=None,  # CatalogueRoutes serves it, and a page that loads no script from elsewhere
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
    )
    access = Access(services.store, services.now)
    services = replace(services, tokens=EitherToken(services.tokens, access.caller_with))
    objects = Objects(services.store, services.now, services.new_uid)
    streams = Streams(services.store, services.bookmark_interval, services.statuses, services.now)
    followers = Followers()
    app.state.objects = objects
    app.state.streams = streams
    app.state.followers = followers
    app.state.access = access
    traffic = Traffic()
    described = [
        ViewRoutes(services, followers).router(),
        SetUserRoutes(services.store).router(),
        ReviewRoutes(access).router(),
        ScrapeRoute(services.metrics, traffic).router(),
    ]
    kinds = KindRoutes(services.store, objects, streams, services.statuses, access, services.now, services.lockouts)
    app.router.routes += kinds.routes()  # first: most requests are for them
    routers = [*described, CatalogueRoutes(services.version, described).router()]
    for router in routers:
        app.include_router(router)
    app.state.routes = [route for router in routers for route in router.routes]
    _add_health(app, services)
    app.add_exception_handler(DnsguardError, _refused)
    app.add_exception_handler(HTTPException, _not_served)
    app.add_exception_handler(Exception, _broken)
    app.add_middleware(Paths, access=access)
    app.add_middleware(Sessions, access=access)
    app.add_middleware(Impersonation, access=access)
    app.add_middleware(Gate, services=services, traffic=traffic)
    app.add_middleware(Auditing, services=services)  # the last that is added is the first to be asked
    return app


def _add_health(app: FastAPI, services: Services) -> None:
    for path in ("/healthz", "/livez"):
        app.add_route(path, _alive, methods=["GET"], include_in_schema=False)

    async def ready(request: Request) -> Response:
        """To whom nobody knows it says one word."""
        report = await services.status()
        is_known = caller_of(request.scope) != ANONYMOUS
        if not report.ready:
            return PlainTextResponse("not ready: dnsguard status says why\n" if is_known else "unready\n", 503)
        return PlainTextResponse(f"{(is_known and report.enforcing) or 'ok'}\n")

    app.add_route("/readyz", ready, methods=["GET"], include_in_schema=False)


async def _alive(_: Request) -> Response:
    return PlainTextResponse("ok")


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, DnsguardError)  # noqa: S101 - by registration
    failure = failure_of(error)
    if failure.code == 500:
        log.error("%s %s: %s", request.method, request.scope["path"], error, exc_info=error)
    return _failed(request, failure)


async def _not_served(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - by registration
    message = f"{request.method} {request.scope['path'][:200]}: {error.detail}"
    reason = REASONS.get(error.status_code, "BadRequest")
    headers = {"Allow": ", ".join(_methods(request))} if error.status_code == 405 else {}
    return _failed(request, Failure(error.status_code, reason, message, headers=headers))


def _methods(request: Request) -> list[str]:
    """What the path takes, by all of its routes (RFC 9110 § 15.5.6)."""
    routes = [each for each in (*request.app.state.routes, *request.app.routes) if isinstance(each, Route)]
    suiting = [each for each in routes if each.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for each in suiting for method in each.methods or ()})


async def _broken(request: Request, error: Exception) -> Response:
    """A mistake of ours: the log has the trace, the client the fact."""
    return _failed(request, Failure(500, "InternalError", f"dnsguard made a mistake: {type(error).__name__}"))


def _failed(request: Request, failure: Failure) -> Response:
    status = failure.as_status()
    failed(request.scope, status)
    return Response(as_json(status), failure.code, dict(failure.headers), media_type=JSON)
