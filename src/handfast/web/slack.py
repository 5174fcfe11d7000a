"""The door Slack calls when somebody presses a button or sends a form. Nothing but Slack's signature opens it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool

from handfast.desk.contracts import Book
from handfast.web.house import house_of

if TYPE_CHECKING:
    from handfast.connectors.slack import Slack
    from handfast.desk.slack import Answer

router = APIRouter(include_in_schema=False)
#: A callback is a few kilobytes.
LARGEST: Final = 200_000


@router.post("/hooks/slack")
async def callback(request: Request) -> Response:
    """Verified, done, answered within Slack's three seconds; the message is changed after the answer."""
    slack: Slack | None = getattr(house_of(request).settings, "slack", None)
    if slack is None or not slack.signing_secret:
        return PlainTextResponse("Slack is not set up here: HANDFAST_SLACK_TOKEN and HANDFAST_SLACK_SIGNING_SECRET.", 404)
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            return PlainTextResponse("This is larger than any callback of Slack.", 413)
    from handfast.connectors.slack import verified

    if not verified(slack, body, dict(request.headers), request.state.at):
        return PlainTextResponse("This request does not bear Slack's signature, or is older than five minutes.", 401)
    answer = await run_in_threadpool(_act, request, slack, body)
    after = BackgroundTask(answer.after) if answer.after is not None else None
    # A modal is closed by an empty answer too; Slack wants JSON only where there is something to say.
    return JSONResponse(answer.body, background=after) if answer.body is not None else Response(background=after)


def _act(request: Request, slack: Slack, body: bytes) -> Answer:
    from handfast.connectors.slack import Answers, Pressed, Submitted, read_callback
    from handfast.desk import slack as desk

    house, at = house_of(request), request.state.at
    match read_callback(body):
        case Pressed() as press:
            url = house.settings.public_url
            return desk.pressed(house.store, Book(), Answers(slack), press, at, url, channels=house.channels)
        case Submitted() as sent:
            return desk.submitted(house.store, Book(), Answers(slack), sent, at, house.settings.public_url)
        case _:
            return desk.Answer()
