"""The audit log over HTTP."""

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from dnsguard.api.audit import AuditQuestion
from dnsguard.api.queries import is_true, require_known
from dnsguard.api.services import Audit
from dnsguard.api.views.followers import Followers
from dnsguard.api.views.following import follow_log, is_followed
from dnsguard.api.views.lines import LINES, last_asked


async def answer_audit(audit: Audit, request: Request, followers: Followers) -> Response:
    """One JSON object a line. ``?last=`` so many; ``user=`` and ``denied=true`` choose; ``follow=true`` goes on with
    what comes."""
    query = request.query_params
    require_known(query, "last", "user", "denied", "follow")
    question = AuditQuestion(last_asked(query), query.get("user", ""), is_true(query, "denied"))
    if is_followed(request):
        return await follow_log(
            request, followers, "audit", question.last, lambda last: audit.follow(replace(question, last=last))
        )
    return Response("".join(f"{line}\n" for line in await audit.recent(question)), media_type=LINES)
