"""A version on trial: who is decided by it, and that it gives way by itself where it does harm.

It was signed by both sides for the share it names, in its own text (`canary`). To hold for everybody it is signed again, without that term.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from handfast.contract.frames import as_frame
from handfast.desk.batch import Batch, Moment
from handfast.desk.contracts import Book, NoContract, record
from handfast.desk.opening import messages_for
from handfast.routing.canary import Figures, Passed, figures_of, in_share, passed
from handfast.routing.ownership import answers
from handfast.sla.clock import OPS
from handfast.sla.notice import trial_notice
from handfast.store import canary as rows
from handfast.store import contracts, handover
from handfast.store.base import Conn, Store


def by_version(b: Batch, moments: list[Moment], subjects: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[Batch, list[Moment]]]:
    """The moments of a batch that the version in force decides, and those that the one on trial does; nothing where there are none."""
    if b.trial is None or not moments:
        if moments:
            yield b, moments
        return
    agreement, contract_id = b.trial
    canary = agreement.contract.canary
    if canary is None:
        raise ValueError(f"{contract_id} holds for a share, and its terms do not say for which")
    names = list({m.subject for m in moments})
    met = dict.fromkeys(names, True)
    if agreement.canary is not None:
        frame = as_frame([dict(subjects[name]) for name in names], agreement.contract.fields)
        met = {name: said[0] is True for name, said in zip(names, answers([agreement.canary], frame), strict=True)}
    ours = [m for m in moments if met[m.subject] and in_share(contract_id, m.party, canary.share)]
    chosen = {id(m) for m in ours}
    rest = [m for m in moments if id(m) not in chosen]
    if rest:
        yield b, rest
    if ours:
        yield replace(b, agreement=agreement, contract_id=contract_id, trial=None), ours


@dataclass(frozen=True, slots=True)
class OnTrial:
    """The version on trial now, since when, and what it has done."""

    version: int
    contract_id: str
    share: float
    when: str | None
    figures: Figures


def on_trial(conn: Conn, book: Book, at: datetime) -> OnTrial | None:
    """What is on trial at a moment; `book` is up to date. None: every decision is made by the version in force."""
    contract_id = book.trial_at(at)
    if contract_id is None:
        return None
    canary = book.by_id(contract_id).contract.canary
    if canary is None:
        raise ValueError(f"{contract_id} holds for a share, and its terms do not say for which")
    found = figures_of(*rows.figures(conn, contract_id, at), rows.turns(conn, contract_id))
    return OnTrial(book.version(contract_id), contract_id, canary.share, canary.when, found)


def watch(store: Store, book: Book, at: datetime, *, channels: Sequence[str] = ("email",)) -> Passed | None:
    """Looks whether the version on trial has passed a guardrail, and if so makes it give way: at once, with an entry in the history, an
    event and a notice to ops. Handoffs opened under it keep it. Returns what was passed. Raises StorageAway.
    """
    with store.reading() as conn:
        try:
            trial = on_trial(conn, book.refresh(conn), at)
        except NoContract:
            return None
    if trial is None or (found := passed(book.by_id(trial.contract_id).contract, trial.figures)) is None:
        return None
    with store.writing() as conn:
        contracts.lock(conn)
        if not rows.end(conn, trial.version, at, found.guardrail, found.why, trial.figures.as_json()):
            return None
        data = {"guardrail": found.guardrail, "why": found.why}
        content = trial.contract_id.partition(".")[0]
        record(conn, "rolled_back", at, "handfast", version=trial.version, content=content, data=data)
        said = handover.dumps({"version": trial.version, **data, "figures": trial.figures.as_json()})
        handover.add_events(conn, [("contract_rolled_back", at, None, None, None, None, said)])
        payload = trial_notice(trial.version, f"Version {trial.version}: {found.why}.")
        told = messages_for(channels, "rolled_back", trial.contract_id, found.guardrail, OPS, None, payload, at)
        handover.add_messages(conn, [(row[0], None, *row[2:]) for row in told])  # it is about no handoff
        handover.notify(conn, "board")
    return found
