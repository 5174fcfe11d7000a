"""A row → a fact, or the Problem with it.

What a source knows only by the day is taken to have happened at the first moment of that day in the mapping's zone. A time in the future
is a Problem: it has not happened. Pure: `at`, the moment of the import, is given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import MAXYEAR, UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from handfast.connectors.files.mapping import FileMap, From
from handfast.connectors.files.rows import AccountRow, AwayRow, DealRow, EndRow, TouchRow
from handfast.connectors.files.shapes import GROUPS, SHAPES
from handfast.connectors.files.table import Row
from handfast.connectors.files.values import Wrong, as_json, cell_of, listed, number_of, parsed, row_digest, said_of, short, truth_of
from handfast.contract.terms import FieldType
from handfast.contract.week import parse_week, profile_problems
from handfast.facts import Outcome, Rep, Signal, TouchKind, signal_id, stable_id
from handfast.identity.keys import email_key, user_key
from handfast.identity.normalise import email_address, registrable, snake_case
from handfast.identity.traits import TooDeep, learn_account, learn_person
from handfast.moments import FIRST_YEAR
from handfast.problem import Place, Problem, one_of

#: A clock of the source may be ahead of ours by so much.
_SKEW: Final = timedelta(minutes=5)
_TIMES_KEPT: Final = 20_000
_LONGEST_ID: Final = 200
_LONGEST_AWAY: Final = timedelta(days=366)
_LONGEST_TEXT: Final = 10_000
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,59}")
_HOST: Final = re.compile(r"^https?://(www\.)?")

Fact = Signal | Rep | AccountRow | TouchRow | DealRow | EndRow | AwayRow


class Reader:
    """Makes facts of the rows of one file. `at` is when the import runs (UTC), and when a live list counts as received."""

    def __init__(self, mapping: FileMap, file: str, at: datetime) -> None:
        self.mapping, self.file, self.at = mapping, file, at
        self.terms = mapping.terms
        self.shape = SHAPES[mapping.kind]
        self.zone = ZoneInfo(self.terms.timezone)
        self._fields = [(name, origin, self.shape.fields[name]) for name, origin in self.terms.fields.items()]
        self._groups = {group: list(getattr(self.terms, group).items()) for group in GROUPS if getattr(self.terms, group)}
        self._only = {column: frozenset(map(said_of, allowed)) for column, allowed in self.terms.only.items()}
        self._mapped = {o.column for _, o in self.terms.origins() if o.column is not None}
        rest = self.terms.is_plain if self.terms.rest is None else self.terms.rest
        self._rest = self.shape.rest if rest else None
        makers: dict[str, Callable[[dict[str, Any], dict[str, dict[str, Any]], int], Fact]] = {
            "signals": self._signal, "people": self._person, "accounts": self._account, "reps": self._rep,
            "opportunities": self._deal, "touches": self._touch, "dispositions": self._end, "absences": self._away,
        }  # fmt: skip
        # Sources that know only the day say the same few times over and over.
        self._times: dict[tuple[str, str | None], datetime] = {}
        self._make = makers[mapping.kind]

    def read(self, row: Row) -> Fact | Problem | None:
        """The fact of a row; None where the mapping's `only` passes it over."""
        for column, allowed in self._only.items():
            if said_of(row.cells.get(column)) not in allowed:
                return None
        try:
            fields, groups = self._plain(row.cells) if self.terms.is_plain else self._take(row.cells)
            self._complete(fields)
            return self._make(fields, groups, row.line)
        except Wrong as wrong:
            return Problem(Place(self.file, row.line, 0, f"column {wrong.part}" if wrong.part else ""), wrong.what, wrong.fix)

    # --- cells → fields ---------------------------------------------------------------------------------------

    def _take(self, cells: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        fields = {name: value for name, origin, kind in self._fields if (value := self._value(cells, origin, kind, name)) is not None}
        groups: dict[str, dict[str, Any]] = {
            group: {name: value for name, origin in mapped if (value := self._value(cells, origin, origin.type, name)) is not None}
            for group, mapped in self._groups.items()
        }
        if self._rest is not None:
            into = groups.setdefault(self._rest, {})
            for name, raw in cells.items():
                if name not in self._mapped and (value := as_json(cell_of(raw, name))) is not None:
                    into.setdefault(snake_case(name), value)
        return fields, groups

    def _plain(self, cells: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        fields: dict[str, Any] = {}
        groups: dict[str, dict[str, Any]] = {}
        for name, raw in cells.items():
            value = cell_of(raw, name)
            if value is None:
                continue
            group, dot, inner = name.partition(".")
            if (kind := self.shape.fields.get(name)) is not None:
                fields[name] = self._typed(value, kind, None, name)
            elif dot and group in self.shape.groups:
                groups.setdefault(group, {})[snake_case(inner)] = as_json(value)
            elif self._rest is not None:
                groups.setdefault(self._rest, {})[snake_case(name)] = as_json(value)
        return fields, groups

    def _value(self, cells: Mapping[str, Any], origin: From, kind: FieldType | None, name: str) -> Any:
        part = origin.column or name
        value = origin.constant if origin.column is None else cell_of(cells.get(origin.column), part)
        if value is not None and origin.values:
            value = self._translated(value, origin, part)
        if value is None:
            value = origin.default
        if value is None:
            return None
        if origin.prefix or origin.suffix:
            value = f"{origin.prefix}{said_of(value)}{origin.suffix}"
        return as_json(value) if kind is None else self._typed(value, kind, origin.format, part)

    def _translated(self, value: Any, origin: From, part: str) -> Any:
        said = said_of(value)
        if said in origin.values:
            return origin.values[said]
        if "others" in origin.model_fields_set:
            return origin.others
        fix = f"{one_of(origin.values, word=said)} Or add it, or give `others`."
        raise Wrong(part, f"'{short(said)}' is not among the values of the mapping", fix)

    def _typed(self, value: Any, kind: FieldType, form: str | None, part: str) -> Any:
        if kind == "time":
            return self._time(value, form, part)
        if kind == "text":
            text = said_of(value)
            if len(text) > _LONGEST_TEXT:
                raise Wrong(part, f"the text has {len(text):,} characters; {_LONGEST_TEXT:,} is the most", "Shorten it.")
            return text
        if kind == "bool":
            return truth_of(value, part)
        return number_of(value, kind, part)

    def _time(self, value: Any, form: str | None, part: str) -> datetime:
        if isinstance(value, str) and (known := self._times.get((value, form))) is not None:
            return known
        moment = value if isinstance(value, datetime) else None
        if isinstance(value, date) and moment is None:
            moment = datetime(value.year, value.month, value.day)  # noqa: DTZ001 - gets its zone below
        if moment is None:
            moment = parsed(said_of(value), form)
        if moment is None:
            how = f"as {form}" if form else "as 2026-03-02T14:00:00+01:00, 2026-03-02 14:00 or 2026-03-02"
            raise Wrong(part, f"'{short(said_of(value))}' is no time", f"Write it {how}, or say how it is written with `format`.")
        try:
            found = (moment if moment.tzinfo else moment.replace(tzinfo=self.zone)).astimezone(UTC)
            within = FIRST_YEAR <= found.year < MAXYEAR  # A day of the last year may have none after it.
        except (OverflowError, ValueError):
            within = False
        if not within:
            fix = "Correct the year. Where it means that nobody knows, leave the cell empty."
            raise Wrong(part, f"'{short(said_of(value))}' lies outside the calendar", fix)
        if isinstance(value, str) and len(self._times) < _TIMES_KEPT:
            self._times[value, form] = found
        return found

    def _complete(self, fields: Mapping[str, Any]) -> None:
        for name in self.shape.needs:
            if name not in fields:
                what = f"'{name}' is empty, and {self.mapping.kind} need it"
                raise Wrong(self._column_of(name), what, "Fill the cell, or map another column.")
        for names in self.shape.one_of:
            if not any(name in fields for name in names):
                what = f"none of {', '.join(names)} is given, so nobody knows whose row this is"
                raise Wrong(self._column_of(names[0]), what, "Fill one of them, or leave the row out.")

    def _column_of(self, name: str) -> str:
        origin = self.terms.fields.get(name)
        return (origin.column if origin is not None else None) or name

    # --- fields → facts ---------------------------------------------------------------------------------------

    def _signal(self, fields: dict[str, Any], groups: dict[str, dict[str, Any]], _line: int) -> Signal:
        kind = snake_case(fields["kind"])
        if not _NAME.fullmatch(kind):
            what = f"'{short(fields['kind'])}' cannot be the kind of a signal"
            raise Wrong(self._column_of("kind"), what, "Use a word such as page_viewed.")
        at = self._happened(fields["at"], "at")
        message = fields.get("id") or row_digest(fields, groups)
        return self._made(kind, at, at if self.terms.history else self.at, message, fields, groups)

    def _person(self, fields: dict[str, Any], groups: dict[str, dict[str, Any]], _line: int) -> Signal:
        """A person on a list is a signal of kind `identified`. Its id is made of what the row says: said again it counts once."""
        at = self._happened(fields["at"], "at") if "at" in fields else None
        message = fields.get("id") or f"person {row_digest(fields, groups)}"
        received = at if self.terms.history and at is not None else self.at
        return self._made("identified", at or self.at, received, message, fields, groups)

    def _made(
        self, kind: str, at: datetime, received_at: datetime, message: str, fields: dict[str, Any], groups: dict[str, dict[str, Any]]
    ) -> Signal:
        person: dict[str, Any] = {}
        account: dict[str, Any] = {}
        try:
            learn_account(groups.get("account", {}), account)
            learn_person(groups.get("person", {}), person, account)
        except TooDeep as deep:
            raise Wrong("", f"a value is {deep}", "Leave out what nobody decides by.") from None
        return Signal(
            id=signal_id(self.terms.source, self._id(message, "id") or ""), source=self.terms.source, kind=kind,
            occurred_at=min(at, received_at), received_at=received_at, email=self._email(fields),
            user_id=self._id(fields.get("user_id"), "user_id"),
            anonymous_id=self._id(fields.get("anonymous_id"), "anonymous_id"), group_id=self._id(fields.get("group_id"), "group_id"),
            properties=groups.get("properties", {}), person=person, account=account,
        )  # fmt: skip

    def _rep(self, fields: dict[str, Any], _groups: dict[str, dict[str, Any]], _line: int) -> Rep:
        for name in ("id", "manager"):
            if name in fields and not _NAME.fullmatch(fields[name]):
                fix = "Use lower-case letters, digits, '-' and '_', with a letter first; a prefix helps."
                raise Wrong(self._column_of(name), f"'{short(fields[name])}' cannot be a rep's id", fix)
        if fields.get("id") == "handfast":
            fix = "Give the rep another id: it is the name under which Handfast records what it does by itself."
            raise Wrong(self._column_of("id"), "'handfast' cannot be a rep's id", fix)
        zone = fields.get("time_zone", "UTC")
        try:
            ZoneInfo(zone)
        except (OSError, ValueError, KeyError):
            what, fix = f"'{short(zone)}' is no time zone", "Write an IANA name such as America/New_York."
            raise Wrong(self._column_of("time_zone"), what, fix) from None
        email = self._email(fields)
        assert email is not None
        week, holidays, skills = parse_week(fields.get("week", "")), fields.get("holidays"), listed(fields.get("skills", ""))
        if problems := profile_problems(week, holidays, skills, fields["id"]):
            wrong = problems[0]
            raise Wrong(self._column_of(wrong.where.part.partition(".")[0] or "skills"), wrong.what, wrong.fix)
        return Rep(
            fields["id"], fields["name"], email, fields.get("team", ""), fields.get("manager"), zone, fields.get("active", True),
            {days: tuple(times) for days, times in week.items()} if week else None, holidays, frozenset(skills),
        )  # fmt: skip

    def _away(self, fields: dict[str, Any], _groups: dict[str, dict[str, Any]], line: int) -> AwayRow:
        """`until` as a day is the last day of the absence; as a moment, its end."""
        starts, ends = fields["from"], fields["until"]
        local = ends.astimezone(self.zone)
        if local.hour == local.minute == local.second == 0:
            ends = (local.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=self.zone).astimezone(UTC)
        if ends <= starts:
            raise Wrong(self._column_of("until"), "the absence ends before it begins", "Write its last day, or the moment it ends.")
        if ends - starts > _LONGEST_AWAY:
            raise Wrong(self._column_of("until"), "the absence lasts more than a year", "Make the rep inactive instead.")
        return AwayRow(fields["rep"], starts, ends, fields.get("why", "")[:200], line)

    def _account(self, fields: dict[str, Any], groups: dict[str, dict[str, Any]], _line: int) -> AccountRow:
        domain = registrable(_HOST.sub("", fields["domain"].lower()).split("/")[0]) if "domain" in fields else None
        if "domain" in fields and domain is None:
            what = f"'{short(fields['domain'])}' is no domain of a company"
            raise Wrong(self._column_of("domain"), what, "Write it as kraus.example, or leave it empty and give a group_id.")
        known: dict[str, Any] = {}
        learn_account(groups.get("account", {}), known)
        key = domain or f"group:{self._id(fields['group_id'], 'group_id')}"
        return AccountRow(key, fields.get("name", ""), domain, fields.get("owner"), known)

    def _deal(self, fields: dict[str, Any], _groups: dict[str, dict[str, Any]], line: int) -> DealRow:
        at = self._happened(fields["opened_at"], "opened_at")
        closed: datetime | None = fields.get("closed_at")
        won: bool | None = fields.get("won")
        if closed is not None and (won is None or closed > self.at + _SKEW):
            closed = None  # An expected close date, as CRMs keep one: nothing has been closed.
        if won is not None and closed is None:
            fix = "Give the time it was closed, or leave `won` empty while it is open."
            raise Wrong(self._column_of("closed_at"), "it is won or lost, and nobody says when", fix)
        if closed is not None and closed < at:
            what = f"it was closed ({closed:%Y-%m-%d %H:%M} UTC) before it was opened ({at:%Y-%m-%d %H:%M} UTC)"
            raise Wrong(self._column_of("closed_at"), what, "Correct one of the two times.")
        amount = fields.get("amount")
        row_id = stable_id("opp", self.terms.source, self._id(fields["id"], "id") or "")
        return DealRow(row_id, self._who(fields), fields.get("owner"), fields["stage"], amount, at, closed, won, line)

    def _touch(self, fields: dict[str, Any], groups: dict[str, dict[str, Any]], line: int) -> TouchRow:
        kind = fields["type"].lower()
        if kind not in set(TouchKind):
            fix = f"{one_of(TouchKind, word=kind)} A mapping can translate it: `values`."
            raise Wrong(self._column_of("type"), f"'{short(fields['type'])}' is no kind of touch", fix)
        at = self._happened(fields["at"], "at")
        meeting = fields.get("meeting", False)
        row_id = stable_id("tch", self.terms.source, fields.get("id") or row_digest(fields, groups))
        contact = fields.get("contact", False) or meeting
        note, source = fields.get("note", ""), self.terms.source
        return TouchRow(row_id, self._who(fields), fields.get("rep"), TouchKind(kind), at, contact, meeting, note, source, line)

    def _end(self, fields: dict[str, Any], _groups: dict[str, dict[str, Any]], line: int) -> EndRow:
        outcome = snake_case(fields["outcome"])
        if outcome not in set(Outcome):
            fix = f"{one_of(Outcome, word=outcome)} A mapping can translate it: `values`."
            raise Wrong(self._column_of("outcome"), f"'{short(fields['outcome'])}' is no outcome", fix)
        at = self._happened(fields["at"], "at")
        return EndRow(self._who(fields), Outcome(outcome), at, fields.get("reason"), fields.get("note", ""), fields.get("rep"), line)

    def _who(self, fields: Mapping[str, Any]) -> str:
        email = self._email(fields)
        return email_key(email) if email else user_key(self._id(fields["user_id"], "user_id") or "")

    def _email(self, fields: Mapping[str, Any]) -> str | None:
        if (said := fields.get("email")) is None:
            return None
        if (email := email_address(said)) is None:
            raise Wrong(self._column_of("email"), f"'{short(said)}' is no e-mail address", "Correct it, or leave the cell empty.")
        return email

    def _id(self, said: str | None, name: str) -> str | None:
        if said is not None and len(said) > _LONGEST_ID:
            raise Wrong(self._column_of(name), f"the {name} has {len(said):,} characters; {_LONGEST_ID} is the most", "Use a shorter id.")
        return said

    def _happened(self, moment: datetime, name: str) -> datetime:
        if moment > self.at + _SKEW:
            raise Wrong(self._column_of(name), f"{moment:%Y-%m-%d %H:%M} UTC has not come yet", "Correct the time, or its zone.")
        return moment


def read_rows(reader: Reader, chunk: Iterable[Row | Problem]) -> tuple[list[Fact], list[Problem], int]:
    """The facts of a chunk, its Problems, and how many rows `only` passed over."""
    facts: list[Fact] = []
    problems: list[Problem] = []
    passed = 0
    for row in chunk:
        got = row if isinstance(row, Problem) else reader.read(row)
        if isinstance(got, Problem):
            problems.append(got)
        elif got is None:
            passed += 1
        else:
            facts.append(got)
    return facts, problems, passed
