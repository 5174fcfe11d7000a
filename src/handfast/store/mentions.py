"""What stands of a person in rows that are not theirs: found by what names them, taken out, everything else left as it is.

Looking is apart from taking out: every text there is, is read, which may take its time, and nobody is kept from working meanwhile. What is
written after the look is as if it came after the erasure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg.rows import dict_row

from handfast.identity.normalise import mailbox
from handfast.identity.people import plain
from handfast.identity.traces import ERASED, Named, Shared, Traces, spaced
from handfast.store import renamed
from handfast.store.erasing import Group
from handfast.store.handover import dumps
from handfast.store.personal import HELD, SEARCHED, Searched

#: Columns of a signal that hold an id, and the kinds of key each may be.
_IDS: Final = {"user_id": ("user",), "anonymous_id": ("visitor",), "previous_id": ("user", "visitor")}
_ID_FIELDS: Final = "userId|user_id|anonymousId|anonymous_id|previousId|previous_id"
#: What is said instead of a complaint that may quote them.
_WHAT: Final = "It was erased with the person it was about"

Row = dict[str, Any]
#: What hears how far a look has come: (table, tables done, of how many).
Tell = Callable[[str, int, int], None]


def silent(table: str, done: int, of: int) -> None:
    """Nobody is told."""


@dataclass(frozen=True, slots=True)
class Marks:
    """By what a person is found in rows of others. `near`: where they took part; `accounts`: those called by their name or address."""

    group: Group
    of: Named
    far: Traces
    near: Traces
    accounts: tuple[renamed.Called, ...] = ()


@dataclass(slots=True)
class Found:
    """table → the keys of rows that name them."""

    rows: dict[str, set[Any]] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """table → rows."""
        return {table: len(keys) for table, keys in sorted(self.rows.items()) if keys}


def marks_of(conn: psycopg.Connection, group: Group, of: Named, shared: Shared) -> Marks:
    """What to look for. `shared`: what of it somebody else is called too."""
    far = of.searched(shared)
    accounts = renamed.called_by(conn, group, Traces(far), of)
    # What such an account is called names the person too, and so does its id, which is made of that.
    names = {text for one in accounts if one.alone for text in (one.name, one.domain) if text}
    far = replace(far, names=far.names | names, ids=far.ids | {one.id for one in accounts})
    return Marks(group, of, Traces(far), Traces(replace(far, names=far.names | of.names, parts=of.parts), parts=True), accounts)


# --- looking ----------------------------------------------------------------------------------------------------


def look(conn: psycopg.Connection, marks: Marks, *, rest: bool = False, tell: Tell = silent) -> Found:
    """The rows of others that name this person; with `rest`, rows about handoffs they took part in, for what blanking has left.

    `tell` hears of each table before it is looked through: its name, how many are done, and of how many.
    """
    found = Found()
    for done, one in enumerate(SEARCHED):
        if rest and not one.handoff:
            continue
        tell(one.table, done, len(SEARCHED))
        keys = _suspects(conn, one, marks, rest=rest)
        if named := {row[one.key] for row in _read(conn, one, keys) if _changes(one, row, marks)}:
            found.rows[one.table] = named
    return found


def _suspects(conn: psycopg.Connection, one: Searched, marks: Marks, *, rest: bool) -> set[Any]:
    """The keys of rows in which the database finds what may name them: too many rather than too few.

    A regular expression costs ten times what a plain word does, so it is asked only where the plain words of it occur. The text of a row is
    made once (OFFSET 0 keeps the planner from making it for every word), and CASE keeps it from asking the expression first.
    """
    texts = " || ' ' || ".join(f"coalesce({column}::text, '')" for column in one.columns.split())
    far = "|".join(part for part in ("" if marks.far.nothing else marks.far.pattern, _beside(one, marks)) if part)
    taken_part = f"{one.handoff} = ANY(%(handoffs)s)" if one.handoff else "false"
    plain_words, words = _plain_words(one, marks)
    asked = [(f"CASE WHEN {plain_words} THEN t ~* %(far)s ELSE false END", bool(far)), ("by_id", one.table == "signal")]
    asked.append(("taken_part AND t ~* %(near)s", one.written))
    if not (any_of := [f"({condition})" for condition, wanted in asked if wanted]):
        return set()
    # Rows that are theirs are blanked or deleted, and not looked for; what blanking leaves of them is, once it is done.
    where = [taken_part] if rest else [f"NOT coalesce({h.theirs}, false)" for h in HELD if h.table == one.table and h.how != "kept"]
    by_id = _BY_ID if one.table == "signal" else "false"
    rows = f"SELECT {one.key} AS key, {texts} AS t, {by_id} AS by_id, {taken_part} AS taken_part FROM {one.table}"
    rows += f" WHERE {' AND '.join(where)}" if where else ""
    query = f"SELECT key FROM (SELECT *, upper(lower(t)) AS u FROM ({rows} OFFSET 0) AS r OFFSET 0) AS q WHERE {' OR '.join(any_of)}"
    values = {**marks.group.values(), "far": far, "near": marks.near.pattern, **words}
    return {row[0] for row in conn.execute(query, values).fetchall()}


def _plain_words(one: Searched, marks: Marks) -> tuple[str, dict[str, str]]:
    """A condition that holds wherever `far` finds anything in this table, and its values: by the text with all letters alike, `u`.

    Upper case of lower case: so a letter is like every other that the regular expression takes for it (`ı` and `I`, `ß` and `ẞ`).
    """
    needles, numbers = [*marks.far.needles, *((who,) for who in _ids_beside(one, marks))], marks.far.numbers
    words = {f"w{n}_{m}": word for n, needle in enumerate(needles) for m, word in enumerate(needle)}
    words |= {f"n{n}": spaced(number) for n, number in enumerate(numbers)}
    # The digits in their order, whatever lies between: a cheap question before the exact one.
    words |= {f"d{n}": f"%{'%'.join(number)}%" for n, number in enumerate(numbers)}
    asked = [" AND ".join(f"strpos(u, upper(lower(%(w{n}_{m})s))) > 0" for m in range(len(needle))) for n, needle in enumerate(needles)]
    asked += [f"u LIKE %(d{n})s AND u ~ %(n{n})s" for n in range(len(numbers))]
    return " OR ".join(f"({condition})" for condition in asked) or "false", words


_BY_ID: Final = " OR ".join(f"'{kind}:' || {column} = ANY(%(keys)s)" for column, kinds in _IDS.items() for kind in kinds)


def _ids_beside(one: Searched, marks: Marks) -> tuple[str, ...]:
    """What else is looked for in a table: ids of people where a name stands beside them, any id where an event says who did it."""
    if one.table == "brief":
        return (*marks.group.people, *marks.group.opened)
    if one.table == "replay_run":
        return (*marks.group.people, *(account.id for account in marks.accounts))
    return marks.group.ids if one.table == "intake_problem" else ()


def _beside(one: Searched, marks: Marks) -> str:
    """A regular expression for these."""
    ids = "|".join(re.escape(who) for who in _ids_beside(one, marks))
    return rf'"({_ID_FIELDS})": ?"?({ids})[",}}]' if ids and one.table == "intake_problem" else ids


def _read(conn: psycopg.Connection, one: Searched, keys: Iterable[Any], *, hold: bool = False) -> list[Row]:
    more = ", state, settled_at" if one.table == "intake_problem" else f", {one.handoff} AS in_handoff" if one.written else ""
    with conn.cursor(row_factory=dict_row) as cursor:
        columns = ", ".join(dict.fromkeys((one.key, *one.columns.split())))
        query = f"SELECT {columns}{more} FROM {one.table} WHERE {one.key} = ANY(%s) ORDER BY {one.key}{' FOR UPDATE' if hold else ''}"
        return cursor.execute(query, (list(keys),)).fetchall()


# --- taking out -------------------------------------------------------------------------------------------------


def take_out(conn: psycopg.Connection, marks: Marks, found: Found, at: datetime) -> dict[str, int]:
    """Takes what names them out of these rows; table → rows that were changed."""
    done: dict[str, int] = {}
    for one in SEARCHED:
        for row in _read(conn, one, found.rows.get(one.table, ()), hold=True):
            if changed := _changes(one, row, marks, at):
                _write(conn, one, row[one.key], changed)
                done[one.table] = done.get(one.table, 0) + 1
    return done


def _write(conn: psycopg.Connection, one: Searched, key: Any, changed: Mapping[str, Any]) -> None:
    sets = ", ".join(f"{column} = %s" for column in changed)
    values = [dumps(value) if isinstance(value, dict | list) else value for value in changed.values()]
    conn.execute(f"UPDATE {one.table} SET {sets} WHERE {one.key} = %s", (*values, key))


def _changes(one: Searched, row: Row, marks: Marks, at: datetime | None = None) -> Row:
    """column → its value without them, for those that change."""
    special = _SPECIAL.get(one.table)
    new = special(row, marks, at) if special else _plain(row, one.columns.split(), _traces(row, marks))
    return {column: value for column, value in new.items() if value != row[column]}


def _traces(row: Row, marks: Marks) -> Traces:
    return marks.near if row.get("in_handoff") in marks.group.handoffs else marks.far


def _plain(row: Row, columns: Iterable[str], traces: Traces) -> Row:
    return {column: _without(row[column], traces) for column in columns}


def _without(value: Any, traces: Traces) -> Any:
    return traces.text(value) if isinstance(value, str) else traces.value(value)


def _signal(row: Row, marks: Marks, _at: datetime | None) -> Row:
    """Somebody else's signal that carries a key of theirs, or speaks of them."""
    keys = set(marks.group.keys)
    new = _plain(row, ("email", "group_id", "properties", "person", "account"), marks.far)
    new |= {c: None for c, kinds in _IDS.items() if row[c] is not None and not keys.isdisjoint(f"{kind}:{row[c]}" for kind in kinds)}
    return new


def _brief(row: Row, marks: Marks, _at: datetime | None) -> Row:
    """The brief of somebody else's handoff: they are no colleague any more, and what was noted of theirs is not quoted."""
    body = dict(row["body"])
    people, mine = set(marks.group.people), {f"handoff.{one}" for one in marks.group.opened}
    if "buying_group" in body:
        body["buying_group"] = [line for line in body["buying_group"] if line.get("person") not in people]
    if "before" in body:
        body["before"] = [_unquoted(line) if mine & set(line.get("cites", ())) else line for line in body["before"]]
    return {"body": _traces(row, marks).value(body)}


def _unquoted(line: Mapping[str, Any]) -> dict[str, Any]:
    return {**line, "text": str(line["text"]).partition(". “")[0]}


def _replay(row: Row, marks: Marks, _at: datetime | None) -> Row:
    return {"result": marks.far.value(_unnamed(row["result"], {*marks.group.people, *(one.id for one in marks.accounts)}))}


def _unnamed(value: Any, ids: set[str]) -> Any:
    """A report in which nobody of these has a name."""
    if isinstance(value, Mapping):
        told = {key: _unnamed(one, ids) for key, one in value.items()}
        return {**told, "name": ERASED} if told.get("id") in ids and "name" in told else told
    return [_unnamed(one, ids) for one in value] if isinstance(value, list) else value


def _refused(row: Row, marks: Marks, at: datetime | None) -> Row:
    """A refused payload: an event of theirs goes, a batch loses their events, and nobody can tell whose the rest of a broken body is."""
    gone: Row = {"part": marks.far.text(row["part"]), "what": _WHAT, "fix": "Nothing is left to do.", "payload": None, "raw": ERASED}
    gone |= {"state": "dismissed", "settled_at": row["settled_at"] or at} if row["state"] == "open" else {}
    if row["raw"] is not None:
        return gone if marks.far.text(row["raw"]) != row["raw"] or _says_id(row["raw"], marks) else {}
    left = marks.far.without(row["payload"])
    if left is None:
        return gone
    return {"payload": left, **_plain(row, ("part", "what", "fix"), marks.far)}


def _says_id(raw: str, marks: Marks) -> bool:
    ids = "|".join(re.escape(who) for who in marks.group.ids)
    return bool(ids) and re.search(rf'"(?:{_ID_FIELDS})"\s*:\s*"?(?:{ids})[",}}\s]', raw) is not None


_SPECIAL: Final[Mapping[str, Callable[[Row, Marks, datetime | None], Row]]] = {
    "signal": _signal,
    "brief": _brief,
    "replay_run": _replay,
    "intake_problem": _refused,
}


# --- what is neither theirs nor somebody else's -------------------------------------------------------------------


def stop_replays(conn: psycopg.Connection) -> int:
    """Asks replays that run to stop: they have read the record as it was. Started again, they read it as it is."""
    return conn.execute("UPDATE replay_run SET state = 'stopping' WHERE state IN ('running', 'waiting')").rowcount


def compared(conn: psycopg.Connection, group: Group) -> set[str]:
    """What is compared of them, as matching writes it."""
    rows = conn.execute("SELECT said FROM person_said WHERE person_id = ANY(%s)", (list(group.people),)).fetchall()
    return {value for row in rows for value in row[0] if value}


def forget_rarity(conn: psycopg.Connection, marks: Marks, said: set[str]) -> int:
    """Takes their values out of what matching learned, unless somebody else says the same. After their own rows are gone."""
    words = {*said, *(mailbox(one.lower()) for one in marks.of.addresses), *(plain(one) for one in (*marks.of.parts, *marks.of.names))}
    others = conn.execute(
        "SELECT DISTINCT v FROM person_said, unnest(said) AS v WHERE v = ANY(%s) AND person_id <> ALL(%s)",
        (sorted(words), list(marks.group.people)),
    ).fetchall()
    words -= {row[0] for row in others}
    changed = 0
    for at, body in conn.execute("SELECT at, body FROM match_model").fetchall():
        rarity = {name: {v: share for v, share in known.items() if v not in words} for name, known in body.get("rarity", {}).items()}
        if rarity != body.get("rarity", {}):
            conn.execute("UPDATE match_model SET body = %s WHERE at = %s", (dumps({**body, "rarity": rarity}), at))
            changed += 1
    return changed


__all__ = ["Found", "Marks", "compared", "forget_rarity", "look", "marks_of", "stop_replays", "take_out"]
