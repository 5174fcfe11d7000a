"""The intake door: Segment's and RudderStack's libraries, unmodified, post here.

`200 {"success": true}` is said only after the commit, and never 202 or 204, which some libraries take for a failure. One bad event does
not refuse its batch. 400, 401 and 413 make a library drop the batch for good, so they are for what no retry can mend; 503 with Retry-After
makes it come again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson
import structlog
from anyio import to_thread
from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect

from handfast.connectors import segment
from handfast.connectors.segment import LIMITS, Refusal
from handfast.desk import intake
from handfast.desk.intake import Keys, Post, Receipt
from handfast.store.base import StorageAway
from handfast.web.house import House, house_of
from handfast.web.metrics import INTAKE

if TYPE_CHECKING:
    from datetime import datetime

router = APIRouter(include_in_schema=False)
log = structlog.get_logger("handfast.web")

#: Pages of any site may send here: what they may say is what the write key in them allows, and no answer holds anything.
CORS: Final = {"Access-Control-Allow-Origin": "*"}
PREFLIGHT: Final = CORS | {
    "Access-Control-Allow-Methods": "POST, OPTIONS",
    "Access-Control-Allow-Headers": "authorization, content-type, content-encoding, x-retry-count",
    "Access-Control-Max-Age": "86400",
}
#: When storage is away: soon enough for a person waiting to be called, late enough for a restart.
RETRY_SECONDS: Final = 2
_ACCEPTED: Final = b'{"success":true}'


def answer(status: int, body: bytes, headers: dict[str, str] | None = None) -> Response:
    return Response(body, status, media_type="application/json", headers=CORS | (headers or {}))


def _refused(refusal: Refusal) -> Response:
    """`code` and `message` are what RudderStack's Python library insists on reading from an error."""
    problem = refusal.problem
    said: dict[str, Any] = {
        "success": False,
        "code": str(refusal.status),
        "message": f"{problem.what}. {problem.fix}",
        "problem": problem.as_json(),
    }
    return answer(refusal.status, orjson.dumps(said))


def _away() -> Response:
    message = f"The events were not recorded: storage is away. Send them again in {RETRY_SECONDS} seconds."
    body = orjson.dumps({"success": False, "code": "503", "message": message})
    return answer(503, body, {"Retry-After": str(RETRY_SECONDS)})


@router.options("/v1/{call}")
async def preflight(call: str) -> Response:
    """A browser asks first, because of the Authorization header. Never refused and never counted: it would reorder the visit."""
    return Response(b"", 200, headers=PREFLIGHT)


@router.post("/v1/{call}")
async def post(call: str, request: Request) -> Response:
    """Takes one event (`identify`, `track`, …, or `i`, `t`, …) or a batch (`batch`, `b`, `import`)."""
    if call not in segment.CALLS:
        return answer(404, orjson.dumps({"success": False, "code": "404", "message": f"There is no call '{call[:40]}' here."}))
    try:
        body = await _body(request)
    except ClientDisconnect:
        return answer(400, b'{"success":false,"code":"400","message":"The connection ended in the middle."}')
    if body is None:
        return _refused(segment.too_large(LIMITS))
    headers = request.headers
    ask = Post(call, body, headers.get("content-encoding", ""), headers.get("authorization", ""))
    house = house_of(request)
    done = await to_thread.run_sync(_admit, house, keys_of(request, house), ask, _now(request, house))
    return done if isinstance(done, Response) else _receipt(done)


def _admit(house: House, keys: Keys, ask: Post, received_at: datetime) -> Receipt | Response:
    try:
        done = intake.admit(house.store, keys, ask, received_at)
    except StorageAway:
        if house.store.complains():
            log.error("storage_full", said="the database's disk is full: nothing is recorded until there is room")
        return _away()
    return _refused(done) if isinstance(done, Refusal) else done


def _receipt(receipt: Receipt) -> Response:
    for outcome, events in (("accepted", receipt.accepted), ("duplicate", receipt.duplicates), ("refused", receipt.refused)):
        if events:
            INTAKE.labels(receipt.source, outcome).inc(events)
    return answer(200, _ACCEPTED)


async def _body(request: Request) -> bytes | None:
    """The whole body, or None as soon as it is known to be larger than the door takes."""
    stated = request.headers.get("content-length", "")
    if stated.isdecimal() and int(stated) > LIMITS.body_bytes:
        return None
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > LIMITS.body_bytes:
            return None
        parts.append(part)
    return b"".join(parts)


def _now(request: Request, house: House) -> datetime:
    at: datetime | None = getattr(request.state, "at", None)
    return house.clock() if at is None else at


def keys_of(request: Request, house: House) -> Keys:
    """The write keys remembered by this application."""
    state = request.app.state
    if not hasattr(state, "write_keys"):
        state.write_keys = Keys(house.store)
    keys: Keys = state.write_keys
    return keys
