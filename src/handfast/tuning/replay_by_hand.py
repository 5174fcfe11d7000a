"""For whom a verdict given by hand held when: whoever it was given of, and whoever they were folded into, for as long as they were one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

import polars as pl

from handfast.readiness.overrides import Override, of_people
from handfast.tuning.replay_known import Fold, Known, Spells


def folded_into(folds: Iterable[Fold]) -> dict[str, list[Fold]]:
    """Person → everybody who was ever folded into them, directly or through others, each for as long as all between stood."""
    further, found = defaultdict(list), defaultdict(list)
    for one in folds:
        further[one.folded].append(one)
    todo = [(one, frozenset((one.folded, one.kept))) for several in further.values() for one in several]
    while todo:
        one, met = todo.pop()
        found[one.kept].append(one)
        for on in further.get(one.kept, ()):
            until = min((end for end in (one.until, on.until) if end is not None), default=None)
            through = Fold(one.folded, on.kept, max(one.since, on.since), until)
            if on.kept not in met and (until is None or through.since < until):
                todo.append((through, met | {on.kept}))
    return found


def concerned(overrides: Iterable[Override], folds: Iterable[Fold]) -> list[str]:
    """Everybody for whom one ever held that was given of a person."""
    named = {one.person_id for one in overrides if one.person_id is not None}
    return sorted(named | {kept for kept, folded in folded_into(folds).items() if any(one.folded in named for one in folded)})


def given(known: Known, spells: Spells) -> pl.DataFrame | None:
    """Verdicts given by hand, as `judge` takes them: about spells. None where there are none.

    Within a spell nobody is folded into its person or parted from them: either teaches something of them, which begins another one.
    """
    if not known.overrides:
        return None
    into = folded_into(known.folds)
    told: Mapping[str, list[Override]] = defaultdict(list)
    for one in known.overrides:
        if one.person_id is not None:
            told[one.person_id].append(one)
    named = []
    for spell, person, at, signal in _begins(known, spells).iter_rows():
        whom = (person, *(fold.folded for fold in into.get(person, ()) if fold.holds((at, signal))))
        named += [replace(one, person_id=str(spell)) for who in whom for one in told.get(who, ())]
    inherited = [one for one in known.overrides if one.account_id is not None]
    members = spells.points.select("account_id", pl.col("_spell").cast(pl.String)).drop_nulls().unique().iter_rows()
    return of_people([*named, *inherited], members)


def _begins(known: Known, spells: Spells) -> pl.DataFrame:
    """Of each spell its person, and the place of its first moment."""
    first = spells.points.sort("_pos").unique("_spell", keep="first", maintain_order=True)
    places = known.signals.select("received_at", "signal")[first["_i"]]
    return first.select("_spell", person_id=known.names.gather(first["_who"])).hstack(places)
