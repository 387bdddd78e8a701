"""The API on quotes: "can you?", answered and held."""

from __future__ import annotations

from ..promise import quotes as service
from ..promise.quotes import Question
from . import schemas_quotes as shapes
from .api_operations import Answer, Call, NoQuery, Registry
from .api_orders import new_line
from .api_shop import check_branch
from .tables import Access

quotes = Registry("quotes")


@quotes.operation(
    "POST",
    "/quotes",
    Access.OPS,
    body=shapes.QuoteIn,
    answers={201: shapes.Quote},
)
def ask(call: Call[shapes.QuoteIn, NoQuery]) -> Answer:
    """Ask whether it can be promised; what the answer counts on is held for ten minutes."""
    given = call.body
    check_branch(call, given.branch)
    where = given.address
    asked = Question(
        lines=tuple(new_line(line) for line in given.lines),
        promised_by=given.promised_by,
        travel_minutes=given.travel_minutes,
        address=where.text if where else "",
        lat=where.lat if where else None,
        lon=where.lon if where else None,
        branch=given.branch,
    )
    made, found = service.quote(call.session, asked, call.now, actor=call.caller.actor)
    body = {
        "id": made.code,
        "verdict": found.verdict,
        "promised_by": found.promised_by,
        "earliest_by": found.earliest_by,
        "slack_minutes": found.slack_minutes,
        "binding": {"clock": found.clock, "message": found.message},
        "conditions": found.conditions,
        "plan": [
            {"step": start.part, "by_whom": start.by_whom, "supplier": start.supplier, "start_by": start.start_by}
            for start in found.plan
        ],
        "expires_at": made.expires_at,
    }
    return Answer(body=body, status=201)
