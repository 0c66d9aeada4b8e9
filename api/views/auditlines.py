"""The audit log over HTTP."""

from dataclasses import replace
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from api.audit import AuditQuestion
from api.failures import bad_request
from api.queries import is_true
from api.services import Audit
from api.views.followers import Followers
from api.views.following import follow_log, is_followed
from api.views.lines import LINES, last_asked

ASKED: Final = frozenset({"last", "user", "denied", "follow"})


async def answer_audit(audit: Audit, request: Request, followers: Followers) -> Response:
    """One JSON object a line. ``?last=`` so many; ``user=`` and ``denied=true`` choose; ``follow=true`` goes on with
    what comes."""
    query = request.query_params
    if unknown := query.keys() - ASKED:
        raise bad_request(f"{min(unknown)}: there are last, user, denied and follow")
    question = AuditQuestion(last_asked(query), query.get("user", ""), is_true(query, "denied"))
    if is_followed(request):
        return await follow_log(
            request, followers, "audit", question.last, lambda last: audit.follow(replace(question, last=last))
        )
    return Response("".join(f"{line}\n" for line in await audit.recent(question)), media_type=LINES)
