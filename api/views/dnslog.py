"""The DNS log over HTTP."""

from collections.abc import Mapping
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from dnsguard.api.failures import bad_request
from dnsguard.api.queries import is_true, require_known
from dnsguard.api.services import DnsLog, DnsLogQuestion
from dnsguard.api.views.followers import Followers
from dnsguard.api.views.following import follow_log, is_followed
from dnsguard.api.views.lines import LINES, last_asked
from dnsguard.domains import DomainPattern, DomainPatternError


async def answer_dns_log(log: DnsLog, request: Request, followers: Followers) -> Response:
    """One JSON object a line. ``?last=`` so many; ``client=``, ``name=`` (a domain pattern) and ``denied=true`` choose;
    ``follow=true`` goes on with what comes, and nothing is missed once the head of the response is there."""
    query = request.query_params
    question = _question(query)
    if is_followed(request):
        return await follow_log(
            request, followers, "dns", question.last, lambda last: log.follow(replace(question, last=last))
        )
    return Response("".join(f"{line}\n" for line in await log.recent(question)), media_type=LINES)


def _question(query: Mapping[str, str]) -> DnsLogQuestion:
    require_known(query, "last", "client", "name", "denied", "follow")
    last = last_asked(query)
    name = query.get("name", "")
    try:
        if name:
            DomainPattern.parse(name)
    except DomainPatternError as error:
        raise bad_request(f"name: {error}") from None
    return DnsLogQuestion(last, query.get("client", ""), name, is_true(query, "denied"))
