"""Facts from files and other systems: reps, absences, accounts, people, signals, touches, opportunities, outcomes.

Every call changes nothing when repeated; files are taken in chunk by chunk and go on where they stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

import psycopg

from handfast.connectors.files.facts import Fact, Reader, read_rows
from handfast.connectors.files.mapping import FileMap
from handfast.connectors.files.rows import AccountRow, AwayRow, DealRow, EndRow, TouchRow
from handfast.connectors.files.table import Table, digest_of
from handfast.desk.actions import opportunities_in
from handfast.desk.contracts import Book
from handfast.desk.held import BY_HAND
from handfast.desk.intake import in_lanes
from handfast.desk.outcomes import dispose
from handfast.desk.refused import Refused
from handfast.desk.touches import record_all
from handfast.facts import Absence, Evidence, Rep, Signal, Touch, stable_id, utc
from handfast.identity.normalise import email_address
from handfast.problem import Place, Problem, one_of
from handfast.routing.record import ring_of
from handfast.store import availability, claims, handover, intake, work
from handfast.store import imports as rows
from handfast.store.base import Store
from handfast.store.erasing import stay_known
from handfast.store.handover import dumps
from handfast.store.lanes import hold_all_lanes
from handfast.store.moves import say_when, say_who


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account as another system knows it. `key`: its registrable domain, or `group:ID` where it is known by an id only."""

    key: str
    name: str = ""
    domain: str | None = None
    owner: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


def put_reps(store: Store, reps: Sequence[Rep], at: datetime | None = None) -> int:
    """Adds reps or brings them up to date; managers may come in any order. Returns how many changed. Raises StorageAway.

    `at`: when it was said, for a replay; None: now, by the database's clock.
    """
    if not reps:
        return 0
    with store.writing() as conn:
        if at is not None:
            say_when(conn, utc(at))
        return rows.put_reps(conn, reps)


def put_absences(store: Store, absences: Sequence[Absence], at: datetime | None = None) -> int:
    """`at` as for reps. Raises StorageAway, and ValueError where an absence ends before it starts."""
    for one in absences:
        if utc(one.ends_at) <= utc(one.starts_at):
            raise ValueError(f"the absence of {one.rep} ends before it starts")
    with store.writing() as conn:
        if at is not None:
            say_when(conn, utc(at))
        return rows.put_absences(conn, absences)


def put_accounts(store: Store, accounts: Sequence[NewAccount], at: datetime) -> int:
    """Adds accounts or completes known ones; an owner given makes it a named account. Raises StorageAway.

    Decisions in flight are waited for, and the next wait: they write what they have learned of an account whole.
    """
    with store.writing() as conn:
        hold_all_lanes(conn)
        say_who(conn, "import", utc(at))
        return rows.put_accounts(
            conn, [(stable_id("acc", a.key), a.key, a.name, a.domain, a.owner, dumps(dict(a.fields)), utc(at)) for a in accounts]
        )


# --- files ----------------------------------------------------------------------------------------------------

#: A transaction that PostgreSQL ended because of another one is begun again, at most so many times.
_ATTEMPTS: Final = 5
#: Kinds that are brought up to date: read again each time, since what they say may have been changed elsewhere since.
_UPSERTS: Final = frozenset({"reps", "accounts", "absences"})

Progress = Callable[[int], None]
Refuse = Callable[[Problem], None]


@dataclass(slots=True)
class Imported:
    """What became of the rows of a file. `added` and `refused` count earlier, interrupted runs of the same import too.

    `began`: the row this run went on after; `before`: when an earlier run had finished it already.
    """

    rows: int = 0
    added: int = 0
    known: int = 0
    refused: int = 0
    passed_over: int = 0
    began: int = 0
    before: datetime | None = None


def import_file(
    store: Store, table: Table, mapping: FileMap, at: datetime, *, refuse: Refuse, tell: Progress = lambda _rows: None
) -> Imported:
    """Takes a file in, 5,000 rows a transaction; each row that cannot be taken goes to `refuse`, the others go in.

    The run is known by the file's content, the mapping and the kind: one that was interrupted goes on where it stopped, one that was
    finished without refusals adds nothing. `tell` hears how many rows are done. Raises StorageAway; the same call goes on from there.
    """
    at = utc(at)
    run_id = _run_id(table, mapping)
    with store.reading() as conn:
        before = rows.run_of(conn, run_id)
    if before is not None and before.finished_at is not None:
        if not before.refused and mapping.kind not in _UPSERTS:
            return Imported(rows=before.done, known=before.done, began=before.done, before=before.finished_at)
        before = None
    run = before or rows.Run()
    done = Imported(rows=run.done, added=run.added, refused=run.refused, began=run.done)
    reader = Reader(mapping, table.name, at)
    for chunk in table.chunks(run.done):
        facts, problems, passed = read_rows(reader, chunk)
        # Said before the chunk is recorded: a kill in between names a row twice, never not at all.
        for problem in problems:
            refuse(problem)
        run = replace(run, done=run.done + len(chunk), added=done.added, refused=done.refused + len(problems))
        kept = _Chunk(store, run_id, table, mapping, at, run)
        added, unfit = kept.record(facts)
        for problem in unfit:
            refuse(problem)
        run = kept.run
        done.rows, done.added, done.refused = run.done, run.added, run.refused
        done.known += len(facts) - len(unfit) - added
        done.passed_over += passed
        tell(run.done)
    with store.writing() as conn:
        rows.note_run(conn, run_id, table.name, mapping.kind, replace(run, finished_at=at))
    return done


def interrupted_at(store: Store, table: Table, mapping: FileMap) -> int:
    """The row after which an interrupted import of this file will go on; 0 where there is none. Raises StorageAway."""
    with store.reading() as conn:
        run = rows.run_of(conn, _run_id(table, mapping))
    return run.done if run is not None and run.finished_at is None else 0


def _run_id(table: Table, mapping: FileMap) -> str:
    return stable_id("imp", digest_of(table.path), mapping.kind, mapping.text, mapping.terms.source)


class _Chunk:
    """One chunk of facts on its way into the store, together with the note of how far the import has come."""

    def __init__(self, store: Store, run_id: str, table: Table, mapping: FileMap, at: datetime, run: rows.Run) -> None:
        self.store, self.run_id, self.table, self.mapping, self.at, self.run = store, run_id, table, mapping, at, run

    def record(self, facts: Sequence[Fact]) -> tuple[int, list[Problem]]:
        """How many facts were new, and the Problems of those that do not fit what is recorded."""
        kind = self.mapping.kind
        if kind in ("signals", "people"):
            return self._signals([f for f in facts if isinstance(f, Signal)]), []
        if kind == "reps":
            return self._reps([f for f in facts if isinstance(f, Rep)])
        if kind == "absences":
            return self._absences([f for f in facts if isinstance(f, AwayRow)])
        if kind == "accounts":
            return self._accounts([f for f in facts if isinstance(f, AccountRow)])
        if kind == "touches":
            added, wrong = record_touch_rows(self.store, [f for f in facts if isinstance(f, TouchRow)], self.table.name, self.at)
        elif kind == "opportunities":
            added, wrong = record_deal_rows(self.store, [f for f in facts if isinstance(f, DealRow)], self.table.name, self.at)
        else:
            added, wrong = record_end_rows(self.store, [f for f in facts if isinstance(f, EndRow)], self.table.name, news_at=self.at)
        # A moment later than the facts: a crash in between records the chunk again, which changes nothing.
        with self.store.writing() as conn:
            self._note(conn, added, len(wrong))
        return added, wrong

    def _note(self, conn: psycopg.Connection, added: int, refused: int) -> None:
        self.run = replace(self.run, added=self.run.added + added, refused=self.run.refused + refused)
        rows.note_run(conn, self.run_id, self.table.name, self.mapping.kind, self.run)

    def _signals(self, signals: Sequence[Signal]) -> int:
        """As the front door records them, and on the same lanes."""
        for attempt in range(_ATTEMPTS):
            try:
                with self.store.writing() as conn:
                    added = intake.add_signals(conn, in_lanes(conn, signals, self.store.hints.homes, self.at))
                    if added:
                        intake.ring(conn)
                    self._note(conn, added, 0)
                return added
            except intake.Deadlock:
                if attempt == _ATTEMPTS - 1:
                    raise
        raise AssertionError("the loop returns or raises")

    def _reps(self, reps: Sequence[Rep]) -> tuple[int, list[Problem]]:
        with self.store.writing() as conn:
            say_when(conn, self.at)
            fit, wrong = _fitting_reps({r.id: r for r in reps}, rows.rep_ids(conn), rows.rep_emails(conn), self.table.name)
            added = rows.put_reps(conn, fit) if fit else 0
            said = [r for r in fit if r.week is not None or r.holidays is not None or r.skills]
            availability.put_profiles(conn, [(r.id, r.week, r.holidays, sorted(r.skills) if r.skills else None) for r in said])
            self._note(conn, added, len(wrong))
        return added, wrong

    def _absences(self, found: Sequence[AwayRow]) -> tuple[int, list[Problem]]:
        """By hand, as far as Handfast is concerned: what a calendar says is told apart."""
        with self.store.writing() as conn:
            say_when(conn, self.at)
            known, wrong = Reps(conn), []
            fit: dict[tuple[str, datetime], Absence] = {}
            for one in found:
                rep = known.find(one.rep)
                if isinstance(rep, Problem):
                    wrong.append(Problem(Place(self.table.name, one.line, 0, "rep"), rep.what, rep.fix))
                elif rep is not None:
                    fit[rep, one.starts_at] = Absence(rep, one.starts_at, one.ends_at, one.why)
            added = rows.put_absences(conn, list(fit.values()))
            handover.notify(conn, "held")
            self._note(conn, added, len(wrong))
        return added, wrong

    def _accounts(self, accounts: Sequence[AccountRow]) -> tuple[int, list[Problem]]:
        with self.store.writing() as conn:
            hold_all_lanes(conn)  # see put_accounts
            known = Reps(conn)
            whole: dict[str, AccountRow] = {}
            wrong: list[Problem] = []
            for one in accounts:
                owner = known.find(one.owner)
                if isinstance(owner, Problem):
                    wrong.append(Problem(Place(self.table.name, part=f"account {one.name or one.key}"), owner.what, owner.fix))
                    continue
                before = whole.get(one.key, AccountRow(one.key))
                whole[one.key] = AccountRow(
                    one.key, one.name or before.name, one.domain or before.domain, owner or before.owner, {**before.fields, **one.fields}
                )
            straight, round_ = without_circles(conn, list(whole.values()), self.table.name)
            wrong += round_
            say_who(conn, f"import of {self.table.name}", self.at)
            added = rows.put_accounts(
                conn, [(stable_id("acc", a.key), a.key, a.name, a.domain, a.owner, dumps(dict(a.fields)), self.at) for a in straight]
            )
            self._note(conn, added, len(wrong))
        return added, wrong


def without_circles(conn: psycopg.Connection, accounts: Sequence[AccountRow], file: str) -> tuple[list[AccountRow], list[Problem]]:
    """The accounts, without a parent that would stand above itself; and a Problem for each of those. Everything else of them is kept."""
    if not any("parent" in one.fields for one in accounts):
        return list(accounts), []
    above = claims.parents(conn)
    found: list[AccountRow] = []
    wrong: list[Problem] = []
    for one in accounts:
        parent = one.fields.get("parent")
        ring = ring_of(one.key, parent, above) if isinstance(parent, str) else ()
        if not ring:
            if isinstance(parent, str):
                above[one.key] = parent
            found.append(one)
            continue
        what = f"the accounts above it lead round in a circle: {' → '.join(ring[:6])}{' → …' if len(ring) > 6 else ''}"
        fix = "Correct one of these parents and import the row again. Everything else in the row was taken."
        wrong.append(Problem(Place(file, part=f"account {one.name or one.key}"), what, fix))
        found.append(replace(one, fields={name: value for name, value in one.fields.items() if name != "parent"}))
    return found, wrong


def _fitting_reps(reps: dict[str, Rep], ids: set[str], emails: Mapping[str, str], file: str) -> tuple[list[Rep], list[Problem]]:
    """The reps whose address is theirs alone and whose manager is known; taking one out may take out those who report to them."""
    wrong: list[Problem] = []
    owner_of = dict(emails)
    for rep in list(reps.values()):
        if owner_of.setdefault(rep.email, rep.id) != rep.id:
            what = f"the address of {rep.id} belongs to {owner_of[rep.email]} already"
            wrong.append(Problem(Place(file, part=f"rep {rep.id}"), what, "Give each rep an address of their own."))
            del reps[rep.id]
    while lost := [r for r in reps.values() if r.manager is not None and r.manager not in ids and r.manager not in reps]:
        for rep in lost:
            what = f"the manager of {rep.id}, '{rep.manager}', is nobody's id"
            wrong.append(Problem(Place(file, part=f"rep {rep.id}"), what, one_of({*ids, *reps}, word=rep.manager or "")))
            del reps[rep.id]
    return list(reps.values()), wrong


class Reps:
    """Who a file means by a rep: an id, or an e-mail address."""

    def __init__(self, conn: psycopg.Connection) -> None:
        self.ids, self.emails = rows.rep_ids(conn), rows.rep_emails(conn)

    def find(self, said: str | None) -> str | Problem | None:
        """The id of a rep; None where nobody was named."""
        if said is None or said in self.ids:
            return said
        if (found := self.emails.get(email_address(said) or said)) is not None:
            return found
        fix = f"Import the reps first. {one_of(self.ids, word=said)}"
        return Problem(Place("", part="rep"), f"no rep '{said}' is known", fix)


# --- what people did, as other systems recorded it ------------------------------------------------------------


def record_touch_rows(store: Store, touches: Sequence[TouchRow], file: str, at: datetime) -> tuple[int, list[Problem]]:
    """Touches of people known by a key, with the meetings they set. How many were new, and the Problems of the others.

    `at`: when they are recorded. One transaction, in which nobody they name is erased. Raises StorageAway.
    """
    made: list[Touch] = []
    wrong: list[Problem] = []
    meetings: list[str] = []
    with store.writing() as conn:
        stay_known(conn)
        people, reps = handover.identities(conn, list({t.who for t in touches})), Reps(conn)
        for one in touches:
            rep = reps.find(one.rep)
            if isinstance(rep, Problem):
                wrong.append(Problem(Place(file, one.line, 0, rep.where.part), rep.what, rep.fix))
            elif (person := people.get(one.who)) is None:
                wrong.append(_nobody(one.who, file, one.line))
            else:
                made.append(Touch(one.id, person, rep, one.kind, one.at, Evidence.EVIDENCED, one.contact, one.source, one.note))
                if one.meeting:
                    meetings.append(one.id)
        added = record_all(conn, made, utc(at)).added if made else 0
        new = rows.note_meetings(conn, meetings) if meetings else []
        handover.add_events(
            conn, [("meeting_set", when, handoff, person, account, rep, "{}") for handoff, person, account, rep, when in new]
        )
    return added, wrong


def record_deal_rows(store: Store, deals: Sequence[DealRow], file: str, at: datetime) -> tuple[int, list[Problem]]:
    """Opportunities of people known by a key; one known already is brought up to date. One transaction, as touches. Raises StorageAway."""
    made: dict[str, tuple[object, ...]] = {}
    wrong: list[Problem] = []
    with store.writing() as conn:
        stay_known(conn)
        people, reps = handover.identities(conn, list({d.who for d in deals})), Reps(conn)
        known = rows.known_opportunities(conn, [d.id for d in deals])
        accounts = {p.id: p.account for p in handover.people(conn, list(set(people.values()))).values()}
        for one in deals:
            owner = reps.find(one.owner)
            if isinstance(owner, Problem):
                wrong.append(Problem(Place(file, one.line, 0, "owner"), owner.what, owner.fix))
            elif (person := people.get(one.who)) is None:
                wrong.append(_nobody(one.who, file, one.line))
            else:
                made[one.id] = (one.id, person, accounts.get(person), owner, one.stage, one.amount, one.at, one.closed_at, one.won)
        if made:
            opportunities_in(conn, list(made.values()), utc(at))
    return len(made.keys() - known), wrong


def record_end_rows(
    store: Store, ends: Sequence[EndRow], file: str, book: Book | None = None, news_at: datetime | None = None
) -> tuple[int, list[Problem]]:
    """Outcomes of the handoffs that people known by a key were in, each given at its own time. Raises StorageAway.

    `news_at`: they are news, and what is somebody else's goes on to them from now (as on the page); None: a past that is lived through.
    """
    with store.reading() as conn:
        people, reps = handover.identities(conn, list({e.who for e in ends})), Reps(conn)
    known, added = book or Book(), 0
    wrong: list[Problem] = []
    for one in sorted(ends, key=lambda e: e.at):
        rep = reps.find(one.rep)
        if isinstance(rep, Problem):
            wrong.append(Problem(Place(file, one.line, 0, "rep"), rep.what, rep.fix))
        elif (person := people.get(one.who)) is None:
            wrong.append(_nobody(one.who, file, one.line))
        else:
            new, problem = _end(store, person, one, rep, known, news_at)
            added += new
            wrong += [Problem(Place(file, one.line, 0, problem.where.part), problem.what, problem.fix)] if problem else []
    return added, wrong


def _end(
    store: Store, person: str, one: EndRow, rep: str | None, book: Book, news_at: datetime | None
) -> tuple[bool, Problem | None]:  # fmt: skip
    """Gives an outcome to the handoff a person was in at that time. Given before, it changes nothing."""
    with store.reading() as conn:
        spans = [s for s in work.handoffs_of(conn, [person]) if s[2] <= one.at or s[2].date() == one.at.date()]
        if any(stable_id("dsp", s[1], one.outcome, one.at.isoformat()) in rows.dispositions_of(conn, s[1]) for s in spans):
            return False, None
    if not spans:
        return False, Problem(Place(""), "this person was in no handoff at that time", "Import their signals first, or leave the row out.")
    try:
        dispose(
            store, spans[-1][1], rep or BY_HAND, one.outcome, one.at, reason=one.reason, note=one.note, book=book,
            evidence=Evidence.EVIDENCED, goes_on_at=news_at, about=person,
        )  # fmt: skip
    except Refused as refused:
        return False, refused.problem
    return True, None


def _nobody(who: str, file: str, line: int) -> Problem:
    kind = {"email": "e-mail address", "user": "user id"}.get(who.partition(":")[0], "key")
    # The key itself may be personal data: the line says where to look.
    fix = "Import the people or their signals first, then this file again."
    return Problem(Place(file, line), f"nobody was known by this {kind} at that time", fix)
