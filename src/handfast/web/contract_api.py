"""The contract over HTTP, in JSON: versions, drafts, check, diff, signatures, history. For the user's own tools; the pages do the same.

A request proves who asks by the session of the pages, or by the e-mail address and password of an account (HTTP Basic). A write key of the
intake proves nothing here: it stands in the source of public pages.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from handfast.contract.diff import diff
from handfast.contract.history import Side, broken, signatures, standings, version_problems
from handfast.contract.lists import LONGEST_PACKED
from handfast.contract.text import LONGEST
from handfast.desk import drafts, logins
from handfast.desk.drafts import Who, examine, in_force
from handfast.desk.named import Named, find, moment_of, zone_of
from handfast.desk.refused import Refused
from handfast.problem import Place, Problem
from handfast.store import contracts
from handfast.web.access import NotSignedIn
from handfast.web.contract import who_of
from handfast.web.forms import storable
from handfast.web.house import House, house_of, signed_in

if TYPE_CHECKING:
    from handfast.store.contracts import Draft, Version


def answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    kept = {"Cache-Control": "private, no-store", **(headers or {})}
    return Response(orjson.dumps(value), status, media_type="application/json", headers=kept)


_NOBODY: Final = Problem(
    Place("authorization"),
    "nobody is signed in",
    "Send the e-mail address and password of an account (HTTP Basic), or the cookie of a session.",
)


class Json(APIRoute):
    """A refusal is 409 with its Problem, a body of another form 422, nobody 401: all in JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def told(request: Request) -> Response:
            try:
                return await handle(request)
            except Refused as refusal:
                return answer({"problem": refusal.problem.as_json()}, 409)
            except NotSignedIn as nobody:
                cause = nobody.__cause__
                problem = cause.problem if isinstance(cause, Refused) else _NOBODY
                return answer({"problem": problem.as_json()}, 401, {"WWW-Authenticate": 'Basic realm="Handfast"'})
            except RequestValidationError as error:
                said = [{"where": ".".join(map(str, one["loc"])), "what": one["msg"]} for one in error.errors()[:5]]
                return answer({"malformed": said}, 422)

        return told


router = APIRouter(prefix="/api/v1/contract", route_class=Json, tags=["contract"])


def asking(request: Request) -> Who:
    """Who asks.

    Raises:
        NotSignedIn: neither a session nor an account's e-mail address and password; its cause says whether they were tried too often.
    """
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return who_of(signed_in(request))
    try:
        email, colon, password = b64decode(given, validate=True).decode().partition(":")
    except (NotBase64, UnicodeDecodeError) as error:
        raise NotSignedIn from error
    if not colon:
        raise NotSignedIn
    address = request.client.host if request.client else ""
    try:
        return drafts.who_of(logins.authenticate(house_of(request).store, email, password, address, request.state.at))
    except Refused as refusal:
        raise NotSignedIn from refusal


Asks = Annotated[Who, Depends(asking)]
Text = Annotated[str, AfterValidator(storable), Field(max_length=3 * LONGEST + LONGEST_PACKED)]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TextBody(Body):
    """A contract's YAML."""

    text: Text


class DraftBody(TextBody):
    """`from`: a moment (on the contract's own clocks where it has no offset); none: as soon as both have signed. `revision`: the one it was
    written over; none: whichever is there."""

    since: str | None = Field(None, alias="from", max_length=60)
    revision: int | None = None


class SignBody(Body):
    """`content`: the hash of the terms that are signed, as `GET …/drafts/N` says it. Something else by now is not signed."""

    side: Side
    content: str = Field(max_length=60)


class BackBody(Body):
    since: str | None = Field(None, alias="from", max_length=60)


class PairBody(Body):
    """Two texts to compare."""

    old: Text
    new: Text


# --- reading --------------------------------------------------------------------------------------------------


@router.get("")
def overview(request: Request, _: Asks) -> Response:
    """The version in force, every version with how it stands, the open drafts."""
    with house_of(request).store.reading() as conn:
        every, open_drafts = contracts.versions(conn), contracts.drafts(conn, only_open=True)
    now = in_force(every, request.state.at)
    how = standings((v.term for v in every), request.state.at)
    listed = [_version(v) | {"standing": how[v.version]} for v in every]
    return answer({"in_force": now.version if now else None, "versions": listed, "drafts": [_draft(d) for d in open_drafts]})


@router.get("/versions/{number}")
def version(request: Request, _: Asks, number: int) -> Response:
    """A version with its text and who signed it."""
    with house_of(request).store.reading() as conn:
        every, entries = contracts.versions(conn), contracts.history(conn)
    found = next((v for v in every if v.version == number), None)
    if found is None:
        return _nothing(f"version {number}")
    signed = [_signature(s) for s in drafts.signatures_of(entries, number)]
    how = standings((v.term for v in every), request.state.at)[number]
    return answer(_version(found) | {"standing": how, "text": found.source, "signatures": signed})


@router.get("/drafts/{number}")
def draft(request: Request, _: Asks, number: int) -> Response:
    """A draft with its text, its problems and the signatures that count."""
    with house_of(request).store.reading() as conn:
        found, entries = contracts.draft(conn, number), contracts.history(conn, number)
    if found is None:
        return _nothing(f"draft {number}")
    given = signatures(entries, number, found.revision)
    return answer(_draft(found) | {"text": found.source, "signatures": [_signature(s) for s in given.values()]} | _looked(found.source))


@router.get("/history")
def history(request: Request, _: Asks) -> Response:
    """Every entry, oldest first, and what does not hold together (`problems`, empty where all does)."""
    with house_of(request).store.reading() as conn:
        entries, every = contracts.history(conn), contracts.versions(conn)
    wrong = broken(entries) + version_problems(entries, {v.version: v.source for v in every})
    return answer({"entries": [entry.as_json() for entry in entries], "problems": [problem.as_json() for problem in wrong]})


@router.get("/diff")
def compare(request: Request, _: Asks, old: str, new: str) -> Response:
    """What changes between two that are stored: versions (`7`), drafts (`draft-3`), hashes, `in-force`."""
    with house_of(request).store.reading() as conn:
        one, other = find(conn, old, request.state.at), find(conn, new, request.state.at)
    return _compared(one, other)


@router.post("/diff")
def compare_texts(_: Asks, body: PairBody) -> Response:
    """What changes between two texts."""
    return _compared(Named("old", body.old), Named("new", body.new))


@router.post("/check")
def check(_: Asks, body: TextBody) -> Response:
    """What is wrong with a text, how its examples come out, and which rules they touch. Stores nothing."""
    return answer(_looked(body.text))


# --- doing ----------------------------------------------------------------------------------------------------


@router.post("/drafts")
def create(request: Request, who: Asks, body: DraftBody) -> Response:
    """A new draft."""
    saved = drafts.save(house_of(request).store, body.text, who, request.state.at, takes_force=_moment(body.since, body.text))
    return answer(_draft(saved) | _looked(saved.source), 201)


@router.put("/drafts/{number}")
def save(request: Request, who: Asks, number: int, body: DraftBody) -> Response:
    """Saves a draft; signatures on what it said before are void."""
    moment = _moment(body.since, body.text)
    store = house_of(request).store
    saved = drafts.save(store, body.text, who, request.state.at, number=number, revision=body.revision, takes_force=moment)
    return answer(_draft(saved) | _looked(saved.source))


@router.post("/drafts/{number}/sign")
def sign(request: Request, who: Asks, number: int, body: SignBody) -> Response:
    """Signs a draft for one side."""
    done = drafts.sign(house_of(request).store, number, body.side, who, request.state.at, content=body.content)
    given = [_signature(s) for s in done.signatures.values()]
    made = {"version": _version(done.version) if done.version else None, "replaced_by": [v.version for v in done.replaced_by]}
    return answer(_draft(done.draft) | {"signatures": given} | made)


@router.post("/drafts/{number}/withdraw")
def withdraw_draft(request: Request, who: Asks, number: int) -> Response:
    drafts.withdraw_draft(house_of(request).store, number, who, request.state.at)
    return _found(house_of(request), number)


@router.post("/versions/{number}/withdraw")
def withdraw_version(request: Request, who: Asks, number: int) -> Response:
    """Takes a version back before its moment."""
    drafts.withdraw_version(house_of(request).store, number, who, request.state.at)
    return answer({"version": number, "standing": "withdrawn"})


@router.post("/versions/{number}/rollback")
def roll_back(request: Request, who: Asks, number: int, body: BackBody | None = None) -> Response:
    """A draft that says what this version said."""
    store = house_of(request).store
    with store.reading() as conn:
        text = find(conn, str(number), request.state.at).text
    moment = _moment(body.since if body else None, text)
    return answer(_draft(drafts.roll_back(store, number, who, request.state.at, takes_force=moment)), 201)


# --- as JSON --------------------------------------------------------------------------------------------------


def _moment(since: str | None, text: str) -> Any:
    return moment_of(since, zone_of(text)) if since else None


def _looked(text: str) -> dict[str, Any]:
    looked = examine(text)
    return {
        "id": looked.agreement.id if looked.agreement else None,
        "problems": [problem.as_json() for problem in looked.problems],
        "examples": [proof.as_json() for proof in looked.proofs],
        "coverage": looked.coverage.as_json() if looked.coverage else None,
    }


def _compared(one: Named, other: Named) -> Response:
    old, new = one.agreement(), other.agreement()
    sides = {"old": {"label": one.label, "id": old.id}, "new": {"label": other.label, "id": new.id}}
    return answer(sides | {"changes": [change.as_json() for change in diff(old.contract, new.contract)]})


def _found(house: House, number: int) -> Response:
    with house.store.reading() as conn:
        found = contracts.draft(conn, number)
    assert found is not None
    return answer(_draft(found))


def _draft(draft: Draft) -> dict[str, Any]:
    told = {name: getattr(draft, name) for name in ("state", "revision", "version", "base", "by")}
    return {"draft": draft.number, "content": draft.content, "from": draft.takes_force, "changed_at": draft.changed_at, **told}


def _version(version: Version) -> dict[str, Any]:
    told = {name: getattr(version, name) for name in ("id", "name", "in_force_from", "withdrawn_at", "recorded_at")}
    return {"version": version.version, "content": version.content, **told}


def _signature(signature: Any) -> dict[str, Any]:
    return {name: getattr(signature, name) for name in ("side", "by", "name", "at", "content", "hash")}


def _nothing(what: str) -> Response:
    problem = Problem(Place("contract"), f"there is no {what}", "`GET /api/v1/contract` lists versions and drafts.")
    return answer({"problem": problem.as_json()}, 404)
