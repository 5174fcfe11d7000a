"""Somebody who knows who is whom: looks at what a merge would do, makes one of two people, and two of one again."""

from __future__ import annotations

from typing import Any

from handfast.desk import merge as merging
from tests.simulate.acting import Acting, Piece
from tests.simulate.ledger import Foreseen

BY = "rita"


class People(Acting):
    """See the module."""

    def _who_is_whom(self) -> list[Piece]:
        """Two at random; sometimes one who was folded already, or nobody at all."""
        chance = self.chance
        everybody = sorted(self.seen.person)
        standing = self._standing_merges()
        if standing and chance.random() < 0.45:
            return [self._parted(chance.choice([*standing, standing[-1]]))]
        if len(everybody) < 2:
            return self._instead()
        keep, fold = chance.sample(everybody, 2)
        if chance.random() < 0.2:
            return [self._looked_at(keep, fold)]
        return [self._made_one(keep, fold)]

    def _standing_merges(self) -> list[str]:
        """Who was folded into somebody by hand, in the order in which it was done."""
        standing = [one for one in self.seen.person_merge.values() if one["undone_at"] is None and one["by"] == BY]
        return [one["folded_id"] for one in sorted(standing, key=lambda one: (one["at"], one["id"]))]

    def _looked_at(self, keep: str, fold: str) -> Piece:
        told = lambda seen: "forbidden" if seen.problem else f"{len(seen.keys)} keys would move"  # noqa: E731
        return self._by(f"{LOOKS} {keep} and {fold}", lambda: merging.preview(self.store, keep, fold), told)

    def _made_one(self, keep: str, fold: str) -> Piece:
        """Looks first, then does it. Sometimes a value is chosen by hand."""
        at = self.now
        chosen = {"country": fold} if self.chance.random() < 0.3 else {}

        def work() -> Any:
            seen = merging.preview(self.store, keep, fold, chosen)
            return seen, merging.merge(self.store, keep, fold, BY, at, chosen)

        def told(done: Any) -> str:
            seen, made = done
            values = {name: one.value for name, one in seen.fields.items()}
            self.ledger.foreseen[made.id] = Foreseen(frozenset(seen.keys), dict(seen.moves), values, chosen)
            return f"{len(seen.keys)} keys moved"

        return self._by(f"{BY} makes {keep} of {fold}", work, told)

    def _parted(self, folded: str) -> Piece:
        at = self.now
        work = lambda: merging.unmerge(self.store, folded, BY, at)  # noqa: E731
        return self._by(f"{BY} takes {folded} out again", work, lambda done: f"{len(done.keys)} keys returned")


LOOKS = "rita looks at"

__all__ = ["BY", "LOOKS", "People"]
