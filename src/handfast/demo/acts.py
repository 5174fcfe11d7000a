"""What Northwind's people do beside calling: say yes, let clocks stand still, take what is offered, argue, and decide what nobody owns.

Each is planned like a call, and done at its moment through the door that the pages use. Where that refuses (it is somebody else's by then,
it is over), nothing happens.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from handfast.demo.company import MANAGERS, REPS, SIGNERS, Firm, sellers
from handfast.desk import clocks, disputes, offers, outcomes
from handfast.desk.actions import reassign
from handfast.desk.contracts import Book
from handfast.desk.drive import Act, Happening
from handfast.desk.refused import Refused
from handfast.store.demo import Opened, offered, owners

if TYPE_CHECKING:
    from handfast.demo.sales import Sales

_EMAIL: Final = {rep.id: rep.email for rep in REPS}
_NAME: Final = {rep.id: rep.name for rep in REPS}
#: Who answers what Sales disputes, and who decides what nobody owns.
MARKETING: Final = SIGNERS["marketing"][0]
MANAGER: Final = SIGNERS["sales"][0]
#: In whose desk hours both do it.
_OFFICE: Final = MANAGERS[0].id
#: Need (log-odds) below which a handoff really was not ready, and where reps begin to doubt it.
HOPELESS: Final = -0.3
DOUBTFUL: Final = 0.3


class Acts:
    """Draws what people do, from the generator of the reps. `knows`: domain → the rep who really knows somebody there."""

    def __init__(self, sales: Sales, knows: Mapping[str, str]) -> None:
        self.sales = sales
        self.knows = knows
        self.book = Book()

    # --- before the first call --------------------------------------------------------------------------------

    def before(self, one: Opened, rep: str, firm: Firm | None, since: datetime, first: datetime) -> list[Happening]:
        """Who gets to it only later says yes at first; and who knows better says whose it really is."""
        random = self.sales.random
        found: list[Happening] = []
        if first - since > timedelta(minutes=90) and random.random() < 0.5:
            found.append(self._yes(one, rep, self.sales.after(rep, since, random.uniform(2, 20))))
        right = self.knows.get(firm.domain) if firm is not None else None
        wrong = right is not None and right != rep
        if random.random() < (0.5 if wrong else 0.03):
            whose = _NAME[right] if right is not None else "somebody else"
            reason = f"{whose} has known them for years." if wrong else "I think a colleague talked to them at the fair."
            found.append(self._dispute(one, rep, "owner", reason, self.sales.after(rep, since, random.uniform(1, 15)), upheld=wrong))
        return found

    def _yes(self, one: Opened, rep: str, at: datetime) -> Act:
        def do() -> Iterable[Happening]:
            if self._mine(one, rep):
                outcomes.accept(self.sales.store, one.handoff, rep, at)
            return ()

        return Act(at, do)

    # --- while nobody answers ---------------------------------------------------------------------------------

    def pauses(self, one: Opened, rep: str, at: datetime) -> tuple[list[Happening], datetime]:
        """Now and then they are away, or wait for a quote: the clocks stand still until the rep takes it up again, at the moment returned."""
        random = self.sales.random
        if random.random() > 0.03:
            return [], at
        reason, days = random.choice((("on_holiday", 4), ("on_holiday", 6), ("waits_for_quote", 1)))
        since = self.sales.after(rep, at, 3)
        until = self.sales.after(rep, since + timedelta(days=days), random.uniform(1, 30))

        def stop() -> Iterable[Happening]:
            if not self._mine(one, rep):
                return ()
            clocks.pause(self.sales.store, one.handoff, reason, rep, since)
            return [Act(until, go_on)]

        def go_on() -> Iterable[Happening]:
            if self._mine(one, rep):
                clocks.resume(self.sales.store, one.handoff, rep, until)
            return ()

        return [Act(since, stop)], until

    # --- what others leave lying ------------------------------------------------------------------------------

    def takes(self, one: Opened) -> list[Happening]:
        """Nobody touched it, so it is offered; mostly somebody takes it before it is given to them."""
        random = self.sales.random
        if one.offered_at is None or random.random() > 0.7:
            return []
        at = one.offered_at + timedelta(seconds=random.randrange(60, 400))

        def do() -> Iterable[Happening]:
            with self.sales.store.reading() as conn:
                to = [rep for rep in offered(conn, one.handoff) if rep not in self.sales.hands_off]
            if not to:
                return ()
            offers.take(self.sales.store, one.handoff, random.choice(to), at, channels=())
            return self.sales.passed_on([one.handoff])

        return [Act(at, do)]

    def decides(self, one: Opened, since: datetime) -> list[Happening]:
        """What stands in the exception queue for a person is looked at by the manager, sooner or later, if it stands there still."""
        random = self.sales.random
        at = self.sales.after(_OFFICE, since, random.lognormvariate(4, 0.8))
        firm, _ = self.sales.truth.get(one.email or "", (None, None))
        whose = [*([firm.owner] if firm is not None and firm.owner else []), *sellers(firm.country if firm is not None else "US")]

        def do() -> Iterable[Happening]:
            if not self._mine(one, None):
                return ()
            for rep in whose:
                try:
                    reassign(self.sales.store, one.handoff, rep, MANAGER, "Agreed with both.", at, channels=(), book=self.book)
                except Refused:
                    continue  # away or full: the next one
                return self.sales.passed_on([one.handoff])
            return ()

        return [Act(at, do)]

    def _mine(self, one: Opened, rep: str | None) -> bool:
        """Whether it is open, and still with them (None: with nobody)."""
        with self.sales.store.reading() as conn:
            return owners(conn, [one.handoff]).get(one.handoff, "over") == rep

    # --- disputes ---------------------------------------------------------------------------------------------

    def doubts(self, one: Opened, rep: str, firm: Firm | None, at: datetime) -> list[Happening]:
        """After a conversation the rep may say that this was not ready; marketing finds out whether that is so."""
        random, hopeless = self.sales.random, firm is None or firm.need < HOPELESS
        doubtful = firm is None or firm.need < DOUBTFUL
        if random.random() > (0.3 if doubtful else 0.06):
            return []
        reason = random.choice(("They only collect prices.", "A thesis, not a project.", "Nobody there has asked for it."))
        return [self._dispute(one, rep, "readiness", reason, self.sales.after(rep, at, 2), upheld=hopeless)]

    def _dispute(self, one: Opened, rep: str, about: str, reason: str, at: datetime, *, upheld: bool) -> Act:
        """Raised by the rep, and answered by marketing some working hours later; a few answers come late."""
        answered = self.sales.after(_OFFICE, at, self.sales.random.choice((40, 90, 200, 400, 700, 1400)))
        finding = (
            ("They are right: " if upheld else "It was as agreed: ") + ("whose it is" if about == "owner" else "what they asked for") + "."
        )

        def ask() -> Iterable[Happening]:
            if not self._mine(one, rep):
                return ()
            raised = disputes.raise_dispute(self.sales.store, one.handoff, about, "rep", _EMAIL[rep], reason, at, book=self.book)
            return [Act(answered, lambda: answer(raised))]

        def answer(dispute: str) -> Iterable[Happening]:
            disputes.answer(self.sales.store, dispute, upheld, "marketing", MARKETING, finding, answered, book=self.book)
            return ()

        return Act(at, ask)
