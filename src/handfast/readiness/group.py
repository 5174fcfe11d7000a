"""Is the buying group ready? Accounts judged as a whole, by the terms of `ready.account`.

    ready  =  enough active people  AND  every role covered  AND  their intent together at its bar  AND  an open next step

Every member is judged by the function that judges people (`verdict.measured`); here their verdicts are only put together. So what is said
of a member is what their own page says, and an account may be ready although none of its people is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from handfast.readiness.evidence import HEARD
from handfast.readiness.overrides import overridden
from handfast.readiness.plan import MILLIONTHS, microseconds
from handfast.readiness.verdict import measured, said_of

if TYPE_CHECKING:
    from handfast.contract.agreement import Agreement
    from handfast.contract.terms import Group

_MOMENT: Final = pl.Datetime("us", "UTC")


def judge_accounts(
    agreement: Agreement,
    points: pl.DataFrame,
    members: pl.DataFrame,
    people: pl.DataFrame,
    evidence: pl.DataFrame,
    *,
    overrides: pl.DataFrame | None = None,
    working: bool = False,
) -> pl.DataFrame:
    """The verdict on the buying group of each account at each moment.

    A member is **active** whose latest signal that gives points or keeps a next step open is at most `within` old, and who is neither never
    ready nor excluded. Active people are counted; a role is covered where its condition is true of one of them; their intent, each as in
    their own verdict, is added up. The next step may be any member's who is not excluded.

    Args:
        points: what is asked: `account_id` and `at` (Datetime us, UTC); other columns are handed through.
        members: `account_id` and `person_id`, each person once; optionally `since` and `until` (UTC, its end excluded): when they belonged.
            `subject`: what stands for them in `people` and `evidence` instead of their id, where more became known of them over time.
        people, evidence: as for `verdict.judge`, of all members.
        overrides: from `overrides.of_accounts`: what was decided by hand.
        working: add the columns that `group_working.account_workings` reads.

    Returns:
        The rows and columns of `points`, in their order, with `outcome` (ready, not_yet), `people` (active ones), `roles` (how many are
        covered), `fit` (the best of an active member, or null), `intent` (Int64, millionths of a point), `next_step` (the first in the
        order of the contract, or null) and `person_id`: who is to be called, that is who asked for the next step, else who has the most
        intent, or null. With overrides also `computed` and `override`.

    Raises:
        ValueError: the contract has no terms for accounts (`ready.account`), or a person is named twice.
    """
    terms = agreement.contract.ready.account
    if terms is None:
        raise ValueError("the contract does not say when an account is ready")
    cases = points.select("account_id", pl.col("at").cast(_MOMENT)).with_row_index("_case")
    found = _members(agreement, terms, cases, members, people, evidence, working=working)
    answers = cases.select("_case").lazy().join(_summed(agreement, terms, found).lazy(), on="_case", how="left", maintain_order="left")
    judged = points.hstack(answers.select(*_answer(terms)).collect().get_columns())
    if working:
        listed = found.group_by("_case", maintain_order=True).agg(pl.struct(pl.exclude("_case")).alias("_members"))
        judged = judged.hstack(cases.select("_case").join(listed, on="_case", how="left", maintain_order="left").select("_members"))
    return judged if overrides is None else overridden(judged, overrides, "account_id")


def _members(
    agreement: Agreement,
    terms: Group,
    cases: pl.DataFrame,
    members: pl.DataFrame,
    people: pl.DataFrame,
    evidence: pl.DataFrame,
    *,
    working: bool,
) -> pl.DataFrame:
    """Each case beside each member it has then, with the member's own verdict, `_on` (is active), `_order` (of the step) and the roles."""
    belongs = [
        pl.col(name) <= pl.col("at") if name == "since" else pl.col("at") < pl.col(name) for name in ("since", "until") if name in members
    ]
    asked = cases.lazy().join(members.lazy(), on="account_id", maintain_order="left_right").filter(*(b.fill_null(True) for b in belongs))
    named = asked.select("_case", "person_id", pl.col("subject" if "subject" in members else "person_id").alias("_subject"), "at").collect()
    whom = named.select("_case", pl.col("_subject").alias("person_id"), "at")
    judged = measured(agreement, whom, people, evidence, working=working, activity=True).with_columns(named["person_id"])
    if working:
        judged = judged.with_columns(pl.Series("_heard", judged["_heard"].to_list(), dtype=HEARD))  # it is grouped by account
    roles = said_of(whom, people, agreement.contract.fields, agreement.roles)
    steps = {step.step: number for number, step in reversed(list(enumerate(agreement.contract.ready.next_step)))}
    free = pl.col("reason").is_null()
    recent = pl.col("at") - pl.col("_active") <= pl.duration(microseconds=microseconds(terms.within))
    order = pl.col("next_step").replace_strict(list(steps), list(steps.values()), default=None, return_dtype=pl.UInt16)
    return judged.hstack(roles).with_columns((free & recent.fill_null(False)).alias("_on"), pl.when(free).then(order).alias("_order"))


def _summed(agreement: Agreement, terms: Group, found: pl.DataFrame) -> pl.DataFrame:
    """The parts of each case, from its members."""
    active = pl.col("_on")
    covered = [(active & pl.col(str(number))).any().cast(pl.UInt32) for number in range(len(terms.roles))]
    # Who asked for the step comes first, then who shows most intent; the id settles what is left, so that no order of rows can.
    ranked = found.sort("_case", "_order", "_on", "intent", "person_id", descending=[False, False, True, True, False], nulls_last=True)
    return ranked.group_by("_case", maintain_order=True).agg(
        active.sum().cast(pl.UInt32).alias("people"),
        pl.sum_horizontal(pl.lit(0, dtype=pl.UInt32), *covered).alias("roles"),
        pl.col("fit").filter(active).max(),
        pl.col("intent").filter(active).sum(),
        pl.when(pl.col("_order").first().is_not_null()).then(pl.col("next_step").first()).alias("next_step"),
        pl.col("person_id").filter(active | pl.col("_order").is_not_null()).first(),
    )


def _answer(terms: Group) -> tuple[pl.Expr, ...]:
    people, roles, intent = (pl.col(name).fill_null(0) for name in ("people", "roles", "intent"))
    ready = (
        (people >= terms.people) & (roles >= len(terms.roles)) & (intent >= terms.intent * MILLIONTHS) & pl.col("next_step").is_not_null()
    )
    if terms.fit is not None:
        ready = ready & (pl.col("fit") >= terms.fit).fill_null(False)
    outcome = pl.when(ready).then(pl.lit("ready")).otherwise(pl.lit("not_yet")).alias("outcome")
    return outcome, people, roles, pl.col("fit"), intent, pl.col("next_step"), pl.col("person_id")
