"""Denied packets over HTTP, and what Log rules show."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from dnsguard.api.failures import bad_request
from dnsguard.api.queries import require_known
from dnsguard.api.services import PacketQuestion, Packets
from dnsguard.api.views.followers import Followers
from dnsguard.api.views.following import follow_log, is_followed
from dnsguard.api.views.lines import LINES, last_asked

ACTIONS: Final = {"deny": "Deny", "log": "Log", "all": ""}


async def answer_packets(packets: Packets, request: Request, followers: Followers) -> Response:
    """One JSON object a line. ``?last=`` so many; ``client=`` and ``action=`` choose; ``follow=true`` goes on with what
    comes, and nothing is missed once the head of the response is there."""
    query = request.query_params
    question = _question(query)
    if is_followed(request):
        return await follow_log(
            request, followers, "denied", question.last, lambda last: packets.follow(replace(question, last=last))
        )
    return Response("".join(f"{line}\n" for line in await packets.recent(question)), media_type=LINES)


def _question(query: Mapping[str, str]) -> PacketQuestion:
    require_known(query, "last", "client", "action", "follow")
    action = ACTIONS.get((query.get("action") or "deny").lower())
    if action is None:
        raise bad_request(f"action: {query['action']!r} is none of Deny, Log and All")
    return PacketQuestion(last_asked(query), query.get("client", ""), action)
