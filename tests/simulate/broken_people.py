"""Further products that are broken on purpose: one person made of two, two of one, and owners named by signals. See `broken`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.simulate.broken import STORE, Swap, variant
from tests.simulate.house import House

MERGE = "handfast.desk.merge"


# --- 1 ----------------------------------------------------------------------------------------------------------


@variant(1, "of two made one the keys stay with the one who is folded")
def keys_stay_behind(house: House) -> Sequence[Swap]:
    def made(old: Callable[..., Any]) -> Callable[..., Any]:
        def move(conn: Any, merge: str, folded: str, kept: str, *rest: Any) -> None:
            keys = [row[0] for row in conn.execute("SELECT who FROM identity WHERE person_id = %s", (folded,)).fetchall()]
            old(conn, merge, folded, kept, *rest)
            conn.execute("UPDATE identity SET person_id = %s WHERE who = ANY(%s)", (folded, keys))

        return move

    return [(f"{STORE}.merges.move", made)]


@variant(1, "of two made one the touches stay with the one who is folded")
def touches_stay_behind(house: House) -> Sequence[Swap]:
    def made(old: Callable[..., Any]) -> Callable[..., Any]:
        def move(conn: Any, merge: str, folded: str, kept: str, *rest: Any) -> None:
            touches = [row[0] for row in conn.execute("SELECT id FROM touch WHERE person_id = %s", (folded,)).fetchall()]
            old(conn, merge, folded, kept, *rest)
            conn.execute("UPDATE touch SET person_id = %s WHERE id = ANY(%s)", (folded, touches))

        return move

    return [(f"{STORE}.merges.move", made)]


@variant(1, "two are made one and nobody hears of it")
def made_one_without_a_word(house: House) -> Sequence[Swap]:
    return [(f"{STORE}.handover.add_events", lambda old: lambda conn, rows: old(conn, [row for row in rows if row[0] != "people_merged"]))]


@variant(1, "nobody waits for what is being decided of two who are made one")
def made_one_meanwhile(house: House) -> Sequence[Swap]:
    return [(f"{STORE}.merges.hold", lambda old: lambda conn, ids, lanes: old(conn, ids, []))]


# --- 2 ----------------------------------------------------------------------------------------------------------


@variant(2, "two who are in two open handoffs are made one")
def both_in_work_made_one(house: House) -> Sequence[Swap]:
    return [(f"{MERGE}._forbidden", lambda old: lambda conn, kept, folded: None)]


@variant(2, "to look at what a merge would do does it")
def looked_at_and_done(house: House) -> Sequence[Swap]:
    def made(old: Callable[..., Any]) -> Callable[..., Any]:
        def preview(store: Any, keep: str, fold: str, chosen: Mapping[str, str] | None = None) -> Any:
            seen = old(store, keep, fold, chosen)
            with store.writing() as conn:
                conn.execute("UPDATE standing SET facts = NULL WHERE person_id = %s", (keep,))
                conn.execute("UPDATE person SET fields = fields || %s WHERE id = %s", ('{"looked": true}', keep))
            return seen

        return preview

    return [(f"{MERGE}.preview", made)]


@variant(2, "of two made one only what the kept one said stays")
def half_is_forgotten(house: House) -> Sequence[Swap]:
    return [(f"{MERGE}.person_of", lambda old: lambda kept, fields: kept)]


@variant(2, "of two made two again the handoffs stay with the one who was kept")
def parted_by_half(house: House) -> Sequence[Swap]:
    def made(old: Callable[..., Any]) -> Callable[..., Any]:
        def move_back(conn: Any, rows: Mapping[str, Any], *rest: Any) -> None:
            old(conn, {noun: ids for noun, ids in rows.items() if noun not in ("handoff", "handoff_person")}, *rest)

        return move_back

    return [(f"{STORE}.merges.move_back", made)]


@variant(2, "what was learned since two were made one stays with the one who was kept")
def learned_since_and_kept(house: House) -> Sequence[Swap]:
    return [(f"{MERGE}._keys_since", lambda old: lambda conn, done, known: set())]


@variant(2, "two made two again are what the one was")
def parted_alike(house: House) -> Sequence[Swap]:
    def made(old: Callable[..., Any]) -> Callable[..., Any]:
        def part(now: Any, *rest: Any) -> Any:
            kept, folded = old(now, *rest)
            return kept, folded._replace(fields={**now.fields, **folded.fields, "country": now.fields.get("country")})

        return part

    return [(f"{MERGE}.part", made)]


@variant(2, "who was folded in first may be taken out first")
def taken_out_of_order(house: House) -> Sequence[Swap]:
    return [(f"{STORE}.merges.later_into", lambda old: lambda conn, kept, at: [])]


@variant(2, "nobody asks whether the one who is to give back was folded on")
def taken_out_of_nobody(house: House) -> Sequence[Swap]:
    def made(old: Callable[..., Any]) -> Callable[..., Any]:
        return lambda conn, ids, lanes: {key: (person, None) for key, (person, _) in old(conn, ids, lanes).items()}

    return [(f"{STORE}.merges.hold", made)]


@variant(2, "anybody's signal may name an owner")
def named_by_anybody(house: House) -> Sequence[Swap]:
    return [("handfast.desk.owners._named", lambda old: lambda b, signal, person, trusted: old(b, signal, person, (*trusted, "site")))]


@variant(2, "nobody hears an owner that a signal names")
def named_and_not_heard(house: House) -> Sequence[Swap]:
    return [("handfast.desk.owners.name_owners", lambda old: lambda b, whose: None)]


@variant(2, "of two owners that signals name the first counts")
def first_word_counts(house: House) -> Sequence[Swap]:
    return [("handfast.desk.owners.name_owners", lambda old: lambda b, whose: old(b, list(reversed(whose))))]


@variant(7, "an owner nobody knows is passed over in silence")
def stranger_in_silence(house: House) -> Sequence[Swap]:
    return [
        (f"{STORE}.handover.add_events", lambda old: lambda conn, rows: old(conn, [row for row in rows if row[0] != "owner_not_known"]))
    ]
