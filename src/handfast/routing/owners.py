"""Whose it is by ownership: the owner of the account or above it, the owner of its open opportunity, whoever looks after a customer.

Two reps may have a claim on one handoff: the account is Ana's and its parent Ben's, or Ana owns the account and Ben is working its open
opportunity. The contract may say who wins (`conflicts`). Where it does not, nobody here guesses: a person decides. A rep who no longer
takes handoffs has no claim that anybody could dispute.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from handfast.contract.terms import Routing
from handfast.routing.ownership import NOTHING_KNOWN, Case, Company
from handfast.routing.roster import Roster


class Holder(NamedTuple):
    """Who has a claim (None: nobody), and the sentence for it without the name: "owns the account".

    `passed`: why nobody has one. `conflict`: the sentence where two have one and the contract does not say who wins. `read`: what was
    looked at, for the working.
    """

    rep: str | None
    why: str = ""
    passed: str = ""
    conflict: str | None = None
    read: dict[str, Any] = {}  # noqa: RUF012  # never changed


#: What is said most often, made once.
_UNOWNED: Final = Holder(None, "", "No rep owns the account.")
_UNOWNED_ABOVE_TOO: Final = Holder(None, "", "No rep owns the account, and no parent of it is known.")
_NO_DEAL: Final = Holder(None, "", "It has no open opportunity.")


def of_account(case: Case, routing: Routing, roster: Roster) -> Holder:
    """Who owns the account, or what stands above it where the contract counts that."""
    if case.known is NOTHING_KNOWN or routing.hierarchy == "off":
        if case.account_owner is not None:
            return Holder(case.account_owner, "owns the account")
        return _UNOWNED if routing.hierarchy == "off" else _UNOWNED_ABOVE_TOO
    own = Holder(case.account_owner, "owns the account", "No rep owns the account.")
    read: dict[str, Any] = {"parents": case.known.above} if case.known.above else {}
    if case.known.circle:
        why = "the accounts above it lead round in a circle, so none of them was asked"
        return Holder(own.rep, f"owns the account ({why})", f"No rep owns the account, and {why}.", None, {**read, "circle": True})
    above = _above(case, routing)
    if above is None or above.owner is None:
        said = "and no parent of it is known" if above is None else f"nor does any own {above.name} above it"
        return Holder(own.rep, own.why, f"No rep owns the account, {said}.", None, read)
    if own.rep is None or own.rep == above.owner:
        why = f"owns {above.name}, which stands above the account" if own.rep is None else own.why
        return Holder(above.owner, why, "", None, read)
    return _two_levels(case, above, routing, roster, read)


def _two_levels(case: Case, above: Company, routing: Routing, roster: Roster, read: dict[str, Any]) -> Holder:
    """The account is one rep's and what stands above it another's."""
    own, other = case.account_owner or "", above.owner or ""
    mine = Holder(own, "owns the account", "", None, read)
    theirs = Holder(other, f"owns {above.name}, which stands above the account", "", None, read)
    if not _serves(other, roster):
        return mine
    if not _serves(own, roster):
        return theirs
    match routing.conflicts.parent:
        case "account":
            return mine._replace(why=f"owns the account; {roster.name(other)} owns {above.name} above it, and the account wins by contract")
        case "parent":
            return theirs._replace(why=f"{theirs.why} and wins by contract over {roster.name(own)}, who owns the account")
        case _:
            who = f"{roster.name(own)} owns the account and {roster.name(other)} owns {above.name} above it"
            return mine._replace(conflict=f"{who}; the contract does not say who wins.")


def _above(case: Case, routing: Routing) -> Company | None:
    """The account above that counts: the parent, or the topmost."""
    chain = case.known.above
    if not chain:
        return None
    return chain[0] if routing.hierarchy == "parent" else chain[-1]


def of_deal(case: Case, routing: Routing, roster: Roster) -> Holder:
    """Who works the open opportunity of the account, or of the person who has none."""
    deals = case.known.deals
    if not deals:
        return _NO_DEAL
    read = {"opportunities": deals[:5]}
    owners = list(dict.fromkeys(one.owner for one in deals if one.owner is not None))
    serving = [rep for rep in owners if _serves(rep, roster)]
    if not owners:
        return Holder(None, "", "It has an open opportunity, and no rep owns that.", None, read)
    if len(serving) > 1 and routing.conflicts.opportunities == "person":
        said = f"{roster.name(serving[0])} and {roster.name(serving[1])} each have an open opportunity with it"
        return Holder(serving[0], "", "", f"{said}; the contract does not say who wins.", read)
    rep = (serving or owners)[0]
    opened = next(one.opened for one in deals if one.owner == rep)
    return Holder(rep, f"has its open opportunity, since {opened}", "", None, read)


def named_account(case: Case, routing: Routing, roster: Roster) -> Holder:
    """The claim of the rung `named_account`, with the opportunity's beside it where the ladder asks for that too."""
    owner = of_account(case, routing, roster)
    if owner.rep is None or not case.known.deals or owner.conflict is not None or "open_opportunity" not in routing.ladder:
        return owner
    return _beside(owner, of_deal(case, routing, roster), routing, roster, mine="account")


def open_opportunity(case: Case, routing: Routing, roster: Roster) -> Holder:
    """The claim of the rung `open_opportunity`, with the owner's beside it where the ladder asks for that too."""
    deal = of_deal(case, routing, roster)
    if deal.rep is None or deal.conflict is not None or "named_account" not in routing.ladder:
        return deal
    return _beside(deal, of_account(case, routing, roster), routing, roster, mine="opportunity")


def _beside(mine_: Holder, other: Holder, routing: Routing, roster: Roster, *, mine: str) -> Holder:
    """One of two claims, seen from its own rung: it stands, gives way by contract, or nobody knows."""
    a, b = mine_.rep, other.rep
    if a is None or b is None or a == b or not (_serves(a, roster) and _serves(b, roster)):
        return mine_
    read = {**other.read, **mine_.read}
    wins = routing.conflicts.opportunity
    if wins == "person":
        first, second = (mine_, other) if mine == "account" else (other, mine_)
        said = f"{roster.name(first.rep or '')} {first.why}, and {roster.name(second.rep or '')} {second.why}"
        return mine_._replace(conflict=f"{said}; the contract does not say who wins.", read=read)
    if wins == mine:
        return mine_._replace(read=read)
    return Holder(None, "", f"{roster.name(a)} {mine_.why}, but {roster.name(b)} {other.why}, and that wins by contract.", None, read)


def of_customer(case: Case, routing: Routing, roster: Roster) -> tuple[list[Holder], str]:
    """Who looks after a customer, in the order in which they are asked, and the sentence where nobody is.

    The owner of the account (or above it), else whoever won the last opportunity, else those whom the contract names for customers.
    """
    won = case.known.won
    if won is None:
        return [], "It has not bought anything yet."
    read: dict[str, Any] = {"won": won._asdict()}
    found: list[Holder] = []
    owner = of_account(case, routing, roster)
    if owner.conflict is not None:
        return [owner._replace(read={**owner.read, **read})], ""
    if owner.rep is not None:
        found.append(Holder(owner.rep, f"{owner.why}, a customer's since {won.opened}", read=read))
    if won.owner is not None and (owner.rep is None or not _serves(owner.rep, roster)):
        found.append(Holder(won.owner, f"won its last opportunity, of {won.opened}", read=read))
    if routing.customers is not None:
        found.append(Holder(routing.customers, "looks after customers", read=read))
    return found, "It is a customer, and nobody owns it or is named for customers."


def _serves(rep: str, roster: Roster) -> bool:
    """Whether this rep still takes handoffs at all; being away or full is another matter."""
    known = roster.rep(rep)
    return known is not None and known.active
