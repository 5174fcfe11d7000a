"""What somebody pressed in Slack, done: the same actions as on the page, under the same rules, by whoever Slack says it was.

A press is recorded at the moment Slack says it was made, so that a press delivered twice is one. The answer is quick: one short
transaction, and at most one call of Slack while somebody waits; changing the message comes after the answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from handfast.brief.slack import disposition_modal, settled_blocks
from handfast.connectors.slack import Answers, Pressed, Submitted
from handfast.desk import offers, outcomes, touches
from handfast.desk.contracts import Book
from handfast.desk.refused import Refused
from handfast.dispositions import choosable, needs_note
from handfast.facts import Outcome, TouchKind
from handfast.problem import Place, Problem
from handfast.store import notices, work
from handfast.store import outcomes as given

if TYPE_CHECKING:
    from handfast.store.base import Conn, Store
    from handfast.store.work import Case

CHANNEL: Final = "slack"
#: A second press of the same button within this time is a slip of the finger.
SLIP: Final = timedelta(seconds=20)
_KINDS: Final[Mapping[str, TouchKind]] = {"call": TouchKind.CALL, "email": TouchKind.EMAIL}
_TOUCHED: Final[Mapping[TouchKind, str]] = {TouchKind.CALL: "called", TouchKind.EMAIL: "e-mailed"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What Slack is told at once (JSON, or nothing), and what is done after it was told."""

    body: Mapping[str, Any] | None = None
    after: Callable[[], object] | None = None


def pressed(
    store: Store, book: Book, slack: Answers, press: Pressed, at: datetime, base_url: str, *, channels: Sequence[str] = ("email", CHANNEL)
) -> Answer:
    """Does what a button asks. A refusal is whispered to the one who pressed. Raises StorageAway."""
    when = min(press.at, at)
    verb, _, what = press.action.partition(".")
    if verb == "open":
        return Answer()
    try:
        rep = _rep(store, slack, press.user, at)
        match verb:
            case "accept":
                outcomes.accept(_owned(store, press.value, rep), press.value, rep, when)
                said, undo = "accepted", None
            case "take":
                offers.take(store, press.value, rep, when, channels=channels)
                said, undo = "it is yours", None
            case "touch" if what in _KINDS:
                said, undo = _touch(store, press.value, rep, _KINDS[what], when)
            case "dispose" if what == Outcome.CONNECTED:
                _dispose(store, book, press.value, rep, Outcome.CONNECTED, when)
                said, undo = "connected", ("undo.disposition", press.value)
            case "dispose" if what in set(Outcome):
                return _ask(store, book, slack, press, Outcome(what), rep)
            case "undo":
                said, undo = _undo(store, book, press, what, rep, at), None
            case _:
                return Answer()
    except Refused as refusal:
        problem = refusal.problem
        return Answer(after=lambda: slack.whisper(press.reply_to, f"{problem.what}. {problem.fix}"))
    ident = press.value.partition("/")[0]
    return Answer(after=lambda: _show(store, slack, press.reply_to, ident, said, undo, base_url))


def submitted(store: Store, book: Book, slack: Answers, sent: Submitted, at: datetime, base_url: str) -> Answer:
    """Gives the disposition of a modal; what is missing is said at its field. Raises StorageAway."""
    try:
        about = json.loads(sent.metadata)
        ident, outcome, reply_to = str(about["h"]), Outcome(about["o"]), str(about.get("r", ""))
    except (ValueError, KeyError, TypeError):
        return Answer()
    reason = sent.values.get("reason") or None
    prefix = f"answer-{reason}-"
    answers = {name.removeprefix(prefix): value for name, value in sent.values.items() if name.startswith(prefix)}
    meeting = sent.values.get("meeting_at") or ""
    meets = datetime.fromtimestamp(int(meeting), UTC) if meeting.isdigit() else None
    try:
        rep = _rep(store, slack, sent.user, at)
        _dispose(store, book, ident, rep, outcome, at, reason=reason, note=sent.values.get("note", ""), meeting_at=meets, answers=answers)
    except Refused as refusal:
        return _at_field(outcome, reason or "", refusal.problem)
    said = outcome.replace("_", " ") + (f": {reason.replace('_', ' ')}" if reason else "")
    after = (lambda: _show(store, slack, reply_to, ident, said, ("undo.disposition", ident), base_url)) if reply_to else None
    return Answer({"response_action": "clear"}, after)


_UNKNOWN: Final = Problem(
    Place("Slack"),
    "Handfast does not know you",
    "An active rep must have the mail address of your Slack account: ask whoever runs Handfast.",
)
_UNSAID: Final = Problem(Place("Slack"), "Slack did not say in time who you are", "Press the button once more.")


# --- the actions --------------------------------------------------------------------------------------------------


def _rep(store: Store, slack: Answers, user: str, at: datetime) -> str:
    """The rep behind a Slack user: asked of Slack once, then remembered. Raises Refused where nobody is."""
    with store.reading() as conn:
        if (known := notices.rep_at(conn, CHANNEL, user)) is not None:
            return known
    if (email := slack.email_of(user)) is None:
        raise Refused(_UNSAID)
    with store.writing() as conn:
        if not email or (rep := notices.rep_by_email(conn, email)) is None:
            raise Refused(_UNKNOWN)
        notices.put_address(conn, CHANNEL, user, rep, at)
    return rep


def _owned(store: Store, handoff_id: str, rep: str) -> Store:
    """The store, once it is sure that this rep owns the handoff: what the page asks of every action too."""
    with store.reading() as conn:
        case = _case(conn, handoff_id)
    if case.owner != rep:
        raise Refused(Problem(Place(handoff_id), "this handoff is not yours", "Open it to see whose it is."))
    return store


def _case(conn: Conn, handoff_id: str) -> Case:
    case = work.read(conn, [handoff_id]).get(handoff_id)
    if case is None:
        raise Refused(Problem(Place(handoff_id), "there is no such handoff", "It may belong to another installation."))
    return case


def _touch(store: Store, handoff_id: str, rep: str, kind: TouchKind, at: datetime) -> tuple[str, tuple[str, str]]:
    """A touch, unless the same one was logged a moment ago."""
    _owned(store, handoff_id, rep)
    with store.reading() as conn:
        touch_id = given.declared_since(conn, handoff_id, rep, kind, at - SLIP)
    if touch_id is None:
        touch_id = touches.touch(store, handoff_id, rep, kind, at).id
    return _TOUCHED[kind], ("undo.touch", f"{handoff_id}/{touch_id}")


def _dispose(store: Store, book: Book, handoff_id: str, rep: str, outcome: Outcome, at: datetime, **more: Any) -> None:
    """A disposition; one that this rep has just given is given already."""
    _owned(store, handoff_id, rep)
    try:
        outcomes.dispose(store, handoff_id, rep, outcome, at, book=book, **more)
    except Refused:
        with store.reading() as conn:
            last = given.last(conn, handoff_id)
        if last is None or (last.outcome, last.reason, last.by) != (outcome, more.get("reason"), rep) or at - last.recorded_at > SLIP:
            raise


def _undo(store: Store, book: Book, press: Pressed, what: str, rep: str, at: datetime) -> str:
    handoff_id, _, touch_id = press.value.partition("/")
    if what == "touch":
        touches.undo_touch(store, touch_id, rep, at)
    else:
        outcomes.undo(_owned(store, handoff_id, rep), handoff_id, rep, at, book=book)
    return "taken back"


def _ask(store: Store, book: Book, slack: Answers, press: Pressed, outcome: Outcome, rep: str) -> Answer:
    """Opens the modal, at once: Slack lets us for three seconds."""
    _owned(store, press.value, rep)
    with store.reading() as conn:
        contract = book.refresh(conn).by_id(_case(conn, press.value).contract).contract
    reasons = choosable(contract, outcome)
    noted = {code for code, reason in reasons.items() if needs_note(code, reason)}
    metadata = json.dumps({"h": press.value, "o": outcome, "r": press.reply_to})
    timed = contract.dispositions.meeting_set.time == "required"
    if slack.open_modal(press.trigger, disposition_modal(outcome, reasons, noted, metadata, time_required=timed)):
        return Answer()
    return Answer(after=lambda: slack.whisper(press.reply_to, "Slack did not open the form in time. Press the button once more."))


# --- what is shown ------------------------------------------------------------------------------------------------


def _show(store: Store, slack: Answers, reply_to: str, handoff_id: str, said: str, undo: tuple[str, str] | None, base_url: str) -> None:
    """The message becomes the state: what was done, and what may follow."""
    with store.reading() as conn:
        case = _case(conn, handoff_id)
    who = f"{case.person_name}, {case.account_name}" if case.account_name else case.person_name
    closed = case.closed_at is not None
    text, blocks = settled_blocks(handoff_id=handoff_id, who=who, said=said, base_url=base_url, undo=undo, closed=closed)
    slack.replace(reply_to, text, blocks)


def _at_field(outcome: Outcome, reason: str, problem: Problem) -> Answer:
    """The Problem beside the field it is about, as Slack shows errors of a modal."""
    part = problem.where.part
    first = "meeting_at" if outcome is Outcome.MEETING_SET else "reason"
    plain = {"meeting_at"} if outcome is Outcome.MEETING_SET else {"reason", "note"}
    known = part in plain
    answer = bool(reason and part and not known and part not in ("outcome", "undo"))
    block = part if known else f"answer-{reason}-{part}" if answer else first
    text = f"{problem.what}. {problem.fix}".strip()[:400]
    return Answer({"response_action": "errors", "errors": {block: text}})
