"""The intake door's desk: what arrives becomes signals and refusals in one transaction, and only then is it acknowledged.

1.  Whose is it? The write key, from the header or the body, names the source.
2.  Bytes → events → signals, and a refusal for each event that cannot be one (`connectors.segment`).
3.  One transaction: signals on their lanes, refusals among the intake problems, a knock at the workers' door. COMMIT.
4.  A receipt. Whoever gets none sends again, and the message ids make that harmless.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from handfast.connectors import segment
from handfast.connectors.segment import LIMITS, Document, Limits, Refusal, Refused
from handfast.facts import Signal, lane_of, stable_id
from handfast.identity.keys import home_of, keys_of
from handfast.problem import Place, Problem
from handfast.store import intake as rows
from handfast.store.hints import Homes
from handfast.store.intake import Laned, RefusedRow

if TYPE_CHECKING:
    from uuid import UUID

    from handfast.store.base import Conn, Store

#: How much of a body that is no JSON at all is kept, in characters.
KEPT_CHARACTERS: Final = 65_536
#: A transaction that PostgreSQL ended because of another one is begun again, at most so many times.
ATTEMPTS: Final = 5


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of the events of one request. Given only after the commit."""

    source: str
    accepted: int
    duplicates: int
    refused: int


@dataclass(frozen=True, slots=True)
class Post:
    """A request at the door. `call` is a name of `segment.CALLS`; `encoding` and `authorization` are header values, or empty."""

    call: str
    body: bytes
    encoding: str = ""
    authorization: str = ""


# --- the door -------------------------------------------------------------------------------------------------


class Keys:
    """Which key is which source, remembered for a few seconds in this process, so that a revoked key is refused soon after.

    Unknown keys are remembered too: guessing costs the database one question a key. At most `most` are remembered at once.
    """

    def __init__(self, store: Store, *, keep: timedelta = timedelta(seconds=5), most: int = 1000) -> None:
        self._store = store
        self._keep = keep
        self._most = most
        self._known: dict[bytes, tuple[str | None, datetime]] = {}
        self._lock = Lock()

    def source_of(self, candidates: Sequence[str], at: datetime) -> str | None:
        """The source of the first candidate that is a live key. Raises StorageAway."""
        return next((source for key in candidates if (source := self._look_up(digest_of(key), at)) is not None), None)

    def _look_up(self, digest: bytes, at: datetime) -> str | None:
        with self._lock:
            source, until = self._known.get(digest, (None, at))
        if at < until:
            return source
        with self._store.reading() as conn:
            source = rows.source_of_key(conn, digest)
        with self._lock:
            if len(self._known) >= self._most:
                self._known.clear()
            self._known[digest] = (source, at + self._keep)
        return source


def admit(store: Store, keys: Keys, post: Post, received_at: datetime, limits: Limits = LIMITS) -> Receipt | Refusal:
    """Everything between a request and its answer. `received_at` is UTC. Raises StorageAway: nothing is recorded, ask again later."""
    done = _told_by(store, keys, post, received_at, limits)
    # What the body was is let go of before its signals are recorded: they find room where it was, in memory that is still near.
    return done if isinstance(done, Refusal) else record(store, *done, received_at)


def _told_by(
    store: Store, keys: Keys, post: Post, received_at: datetime, limits: Limits
) -> tuple[str, list[Signal], list[Refused]] | Refusal:
    """The source, the signals and the refused events of a request; or why it is refused as a whole."""
    candidates = segment.header_keys(post.authorization)
    bearer = post.authorization[:6].lower() == "bearer"
    # A key in the header is checked before the body is read: whoever has none shall not make us unpack five megabytes.
    source = None if bearer else keys.source_of(candidates, received_at)
    if candidates and not bearer and source is None:
        return _unknown_key()
    document = segment.decode(post.body, post.encoding, limits)
    if source is None:
        if isinstance(document, Document):
            candidates = [*segment.body_keys(document), *candidates]
        source = keys.source_of(candidates[:3], received_at)
        if source is None:
            return document if isinstance(document, Refusal) and document.status == 413 else _unknown_key()
    if isinstance(document, Refusal):
        _keep_unreadable(store, source, document, received_at)
        return document
    return _events_of(store, source, post.call, document, received_at, limits)


def receive(
    store: Store, source: str, call: str, document: Document, received_at: datetime, *, limits: Limits = LIMITS
) -> Receipt | Refusal:
    """Records the events of a decoded request under its source. Raises StorageAway."""
    done = _events_of(store, source, call, document, received_at, limits)
    return done if isinstance(done, Refusal) else record(store, *done, received_at)


def _events_of(
    store: Store, source: str, call: str, document: Document, received_at: datetime, limits: Limits
) -> tuple[str, list[Signal], list[Refused]] | Refusal:
    """The events of a decoded request as signals and refused ones; a request that is none is kept as far as it is text."""
    done = segment.read(document, call, source, received_at, limits)
    if isinstance(done, Refusal):
        if done.status == 400:
            text = rows.as_json(document.value) or segment.repr_of(document.value)
            _keep_unreadable(store, source, replace(done, raw=text), received_at)
        return done
    return source, *done


def record(store: Store, source: str, signals: Sequence[Signal], refused: Sequence[Refused], received_at: datetime) -> Receipt:
    """Signals and refusals in one transaction; returns after the commit. Raises StorageAway."""
    kept = [_as_refused(source, one) for one in refused]
    hints, deadlocks = store.hints, 0
    new = len(signals) >= rows.MANY and not hints.repeats.likely(source, received_at)
    while True:
        try:
            with store.writing() as conn:
                add = rows.add_new_signals if new else rows.add_signals
                accepted = add(conn, in_lanes(conn, signals, hints.homes, received_at))
                # Asked only where there is something new: whoever says the same again wakes nobody, and keeps nobody else from doing so.
                if accepted and hints.bell.due(received_at):
                    rows.ring(conn)
                rows.add_refused(conn, kept, received_at)
            if accepted:
                store.took_more()
            return Receipt(source, accepted, len(signals) - accepted, len(kept))
        except rows.Repeated:
            if not new:
                raise
            hints.repeats.heard(source, received_at)
            new = False
        except rows.Deadlock:
            deadlocks += 1
            if deadlocks == ATTEMPTS:
                raise


def record_within(conn: Conn, signals: Sequence[Signal]) -> int:
    """Signals in a transaction that records more than them, as what was decided by hand. Returns how many were new."""
    if not signals:
        return 0
    accepted = rows.add_signals(conn, in_lanes(conn, signals, Homes(), signals[0].received_at))
    if accepted:
        rows.ring(conn)
    return accepted


def in_lanes(conn: Conn, signals: Sequence[Signal], homes: Homes, at: datetime) -> list[Laned]:
    """Each signal with its lane: that of the account of whoever it is known to be, from the signal, its batch, or the store.

    A signal of somebody not known yet gets the lane of its own strongest key; deciding it forwards it where that proves wrong. `homes` is
    what is remembered of earlier ones, and learns from these; `at` (UTC): when they are taken in.
    """
    keyed = [(keys_of(s.email, s.user_id, s.anonymous_id), s) for s in signals]
    known = homes.lanes
    told = _told(keyed, known)
    asked = {key for keys, signal in keyed if not signal.email for key in keys if key not in known and key not in told}
    asked -= homes.strangers(at)
    told |= {key: home_of(email) for key, email in rows.emails_of(conn, sorted(asked)).items()}
    homes.learn(told, asked - told.keys(), at)
    laned = []
    for keys, signal in keyed:
        for key in keys:
            if (lane := told.get(key)) is not None or (lane := known.get(key)) is not None:
                break
        else:
            lane = lane_of(keys[0])
        laned.append(Laned(lane, keys[0], signal))
    return laned


def _told(keyed: Sequence[tuple[Sequence[str], Signal]], remembered: Mapping[str, int]) -> dict[str, int]:
    """The lanes of the keys that came with an address: the first one that a key came with here."""
    homes: dict[str, int] = {}
    known: dict[str, int] = {}
    for keys, signal in keyed:
        if email := signal.email:
            if (lane := homes.get(keys[0])) is None and (lane := remembered.get(keys[0])) is None:
                lane = homes[keys[0]] = home_of(email)
            for key in keys:
                known.setdefault(key, lane)
    return known


def _as_refused(source: str, one: Refused) -> RefusedRow:
    payload = rows.as_json(one.payload)
    raw = segment.repr_of(one.payload)[:KEPT_CHARACTERS] if payload is None else None
    problem = one.problem
    return RefusedRow(
        stable_id("ref", source, one.key), source, problem.where.part, _storable(problem.what), _storable(problem.fix), payload, raw
    )


def _storable(text: str) -> str:
    return text.replace("\x00", "").encode(errors="replace").decode()


def _keep_unreadable(store: Store, source: str, refusal: Refusal, received_at: datetime) -> None:
    """A body nobody could read is answered with 400, which makes a library drop it: so it is kept here, as far as it is text."""
    if refusal.raw is None:
        return
    raw = _storable(refusal.raw[:KEPT_CHARACTERS])
    problem = refusal.problem
    row = RefusedRow(stable_id("ref", source, raw), source, problem.where.part, _storable(problem.what), problem.fix, None, raw)
    with store.writing() as conn:
        rows.add_refused(conn, [row], received_at)


def _unknown_key() -> Refusal:
    fix = (
        "Use a write key made with `handfast key create SOURCE`; it goes where Segment's goes: Basic user name, or `writeKey` in the body."
    )
    return Refusal(401, Problem(Place("request", part="Authorization"), "The write key is missing, unknown or revoked", fix))


# --- what was refused -----------------------------------------------------------------------------------------


def replay_problem(store: Store, problem_id: str, mended: Any, at: datetime) -> Receipt | Problem:
    """Takes a refused payload through the same door again, as mended by hand: one event, or a whole batch.

    All of it goes in, or none: what is still wrong comes back as a Problem, and the refusal stays open. The signals' own times are
    those of the first arrival; `received_at` is `at`, since only now can anybody act on them. Raises StorageAway.
    """
    with store.writing() as conn:
        kept = rows.hold_refused(conn, problem_id)
        if (wrong := _not_open(kept, problem_id)) is not None or kept is None:
            return wrong or _no_such(problem_id)
        if kept.part == "signal" and problem_id.startswith("undecided_"):
            _put_back(conn, kept, at)
            signals: list[Signal] = []
        else:
            size = len(rows.as_json(mended) or "") or LIMITS.event_bytes + 1
            done = segment.read(Document(mended, size, dirty=True), "batch", kept.source, kept.received_at)
            if isinstance(done, Refusal):
                return done.problem
            if done[1]:
                return done[1][0].problem
            if not done[0]:
                return Problem(Place("intake problems", part=problem_id), "There is no event in it", "Dismiss it if nothing is to be kept.")
            signals = [signal._replace(received_at=at) for signal in done[0]]
        accepted = record_within(conn, signals)
        rows.settle_refused(conn, problem_id, "replayed", at)
    return Receipt(kept.source, accepted, len(signals) - accepted, 0)


def dismiss_problem(store: Store, problem_id: str, at: datetime) -> Problem | None:
    """Says that a refused payload needs nothing more. It is kept, and stays dismissed when it is refused again. Raises StorageAway."""
    with store.writing() as conn:
        kept = rows.hold_refused(conn, problem_id)
        if (wrong := _not_open(kept, problem_id)) is not None:
            return wrong
        rows.settle_refused(conn, problem_id, "dismissed", at)
    return None


def _put_back(conn: Conn, kept: rows.Kept, at: datetime) -> None:
    """A signal recorded but set aside undecided: it is there already, so only its turn is given back."""
    said: Mapping[str, Any] = kept.payload
    email, who = said.get("email"), str(said["who"])
    signal_id: UUID = said["id"]
    rows.put_back(conn, signal_id, home_of(email) if email else lane_of(who), at)
    rows.ring(conn)


def _no_such(problem_id: str) -> Problem:
    return Problem(
        Place("intake problems", part=problem_id), "There is no such intake problem", "Go back to the list; it may be an old link."
    )


def _not_open(kept: rows.Kept | None, problem_id: str) -> Problem | None:
    if kept is None:
        return _no_such(problem_id)
    if kept.state == "open":
        return None
    return Problem(Place("intake problems", part=problem_id), f"It was {kept.state} already", "Nothing is left to do here.")


# --- write keys -----------------------------------------------------------------------------------------------


def digest_of(key: str) -> bytes:
    """SHA-256: a key has 128 bits of its own, so nothing slower is needed to keep it from being guessed."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def name_of(digest: bytes) -> str:
    """How a key is called once it cannot be shown any more."""
    return digest.hex()[:12]


def create_key(store: Store, source: str, at: datetime) -> str:
    """A new write key for `source`: shown now and never again. Raises StorageAway."""
    key = f"hf_{secrets.token_hex(16)}"
    ensure_key(store, key, source, at)
    return key


def ensure_key(store: Store, key: str, source: str, at: datetime) -> bool:
    """Makes sure that `key` (HANDFAST_WRITE_KEY) is known; True where it was not. One that was revoked stays revoked."""
    with store.writing() as conn:
        return rows.add_key(conn, digest_of(key), source, at)


def list_keys(store: Store) -> list[rows.Key]:
    """Every key there ever was, oldest first."""
    with store.reading() as conn:
        return rows.keys(conn)


#: So many digits of a key's name are named before it is ended: fewer is a slip, or a variable that was empty.
_FEWEST_DIGITS: Final = 4


def revoke_key(store: Store, which: str, at: datetime) -> rows.Key | Problem:
    """Ends the live key whose name (`name_of`) begins with `which`, four of its digits at least, or that is `which` itself."""
    if len(which) < _FEWEST_DIGITS:
        fix = f"Write {_FEWEST_DIGITS} of its digits or more; `handfast key list` shows them."
        return Problem(Place("write keys", part=which), "this is too little to tell which key is meant", fix)
    with store.writing() as conn:
        found = [
            key
            for key in rows.keys(conn)
            if key.revoked_at is None and (name_of(key.digest).startswith(which) or key.digest == digest_of(which))
        ]
        if len(found) != 1:
            what = "No live key has this name" if not found else f"{len(found)} live keys have names that begin so"
            return Problem(Place("write keys", part=which[:12]), what, "`handfast key list` shows the names.")
        rows.revoke_key(conn, found[0].digest, at)
    return found[0]
