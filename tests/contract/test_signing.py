"""Marketing and Sales sign: who may, what it covers, what becomes of it. On a real database."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from handfast.contract.history import broken, signatures, version_problems
from handfast.desk import drafts
from handfast.desk.contracts import Book, NoContract, put_in_force
from handfast.desk.drafts import THE_OPERATOR, Who
from handfast.desk.refused import Refused
from handfast.store import contracts
from handfast.store.base import Store
from handfast.store.contracts import Draft

from .contracts import SOUND, agreed, changed

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MARA = Who("mara@northwind.example", "Mara Lang", "marketing")
PRIYA = Who("priya@northwind.example", "Priya Patel", "manager")
RITA = Who("rita@northwind.example", "Rita Kim", "revops")
ANA = Who("ana@northwind.example", "Ana Flores", "rep")
LEA = Who("lea@northwind.example", "Lea Berg", "marketing")

FASTER = changed("first_touch: 4 hours", "first_touch: 3 hours")
FASTEST = changed("first_touch: 4 hours", "first_touch: 2 hours")


def days(number: float) -> datetime:
    return NOW + timedelta(days=number)


def both_sign(store: Store, text: str, at: datetime, takes_force: datetime | None = None) -> int:
    """A draft that both sides sign at once; the number of the version."""
    made = drafts.save(store, text, RITA, at, takes_force=takes_force)
    drafts.sign(store, made.number, "marketing", MARA, at)
    done = drafts.sign(store, made.number, "sales", PRIYA, at)
    assert done.version is not None
    return done.version.version


def book(store: Store) -> Book:
    with store.reading() as conn:
        return Book().refresh(conn)


def version_at(store: Store, at: datetime) -> int:
    found = book(store)
    return found.version(found.id_at(at))


def kinds(store: Store) -> list[str]:
    with store.reading() as conn:
        return [entry.kind for entry in contracts.history(conn)]


def draft(store: Store, number: int) -> Draft:
    with store.reading() as conn:
        found = contracts.draft(conn, number)
    assert found is not None
    return found


def refusal(*args: object, **kwargs: object) -> str:
    call = args[0]
    with pytest.raises(Refused) as refused:
        call(*args[1:], **kwargs)  # type: ignore[operator]
    problem = refused.value.problem
    assert problem.fix
    return problem.what


# --- both, and only both --------------------------------------------------------------------------------------


def test_signed_by_both_it_is_in_force(store: Store) -> None:
    made = drafts.save(store, SOUND, RITA, NOW)
    one = drafts.sign(store, made.number, "marketing", MARA, NOW)
    assert (one.version, list(one.signatures)) == (None, ["marketing"])
    with pytest.raises(NoContract):
        book(store).at(NOW)
    two = drafts.sign(store, made.number, "sales", PRIYA, NOW)
    assert two.version is not None
    assert (two.version.version, two.draft.state, two.draft.version) == (1, "agreed", 1)
    assert book(store).at(NOW).id == agreed().id
    assert kinds(store) == ["drafted", "signed", "signed", "agreed"]


def test_the_first_one_holds_since_ever_a_later_one_from_the_second_signature(store: Store) -> None:
    both_sign(store, SOUND, NOW)
    assert version_at(store, days(-300)) == 1
    both_sign(store, FASTER, days(1))
    assert [version_at(store, days(d)) for d in (0.9, 1, 2)] == [1, 2, 2]


@pytest.mark.parametrize("side", ["marketing", "sales"])
@pytest.mark.parametrize("who", [MARA, PRIYA, RITA, ANA, THE_OPERATOR, Who("eva@northwind.example", "Eva", "leader")])
def test_each_side_is_signed_by_its_own_role_and_no_other(store: Store, side: str, who: Who) -> None:
    made = drafts.save(store, SOUND, RITA, NOW)
    if (side, who) in (("marketing", MARA), ("sales", PRIYA)):
        assert drafts.sign(store, made.number, side, who, NOW).signatures
    else:
        assert f"does not sign for {side}" in refusal(drafts.sign, store, made.number, side, who, NOW)
        assert kinds(store) == ["drafted"]


def test_nobody_signs_for_both_even_with_a_new_role(store: Store) -> None:
    made = drafts.save(store, SOUND, RITA, NOW)
    drafts.sign(store, made.number, "marketing", MARA, NOW)
    promoted = Who(MARA.email, MARA.name, "manager")
    assert "you have signed it for the other side" in refusal(drafts.sign, store, made.number, "sales", promoted, NOW)


def test_a_side_signs_once(store: Store) -> None:
    made = drafts.save(store, SOUND, RITA, NOW)
    drafts.sign(store, made.number, "marketing", MARA, NOW)
    assert "Mara Lang has signed for marketing already" in refusal(drafts.sign, store, made.number, "marketing", LEA, NOW)


def test_two_who_sign_at_the_same_time_make_one_version(store: Store) -> None:
    made = drafts.save(store, SOUND, RITA, NOW)
    done: list[object] = []
    sides = [("marketing", MARA), ("sales", PRIYA)]
    threads = [threading.Thread(target=lambda s=s, w=w: done.append(drafts.sign(store, made.number, s, w, NOW))) for s, w in sides]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.version is None for one in done) == [False, True]  # type: ignore[attr-defined]
    assert kinds(store) == ["drafted", "signed", "signed", "agreed"]


# --- what a signature covers ----------------------------------------------------------------------------------


def test_editing_makes_signatures_void(store: Store) -> None:
    made = drafts.save(store, SOUND, RITA, NOW)
    drafts.sign(store, made.number, "marketing", MARA, NOW)
    edited = drafts.save(store, FASTER, RITA, NOW, number=made.number)
    one = drafts.sign(store, edited.number, "sales", PRIYA, NOW)
    assert (one.version, list(one.signatures)) == (None, ["sales"])
    with store.reading() as conn:
        assert contracts.history(conn)[2].data["voided"] == ["marketing"]


@pytest.mark.parametrize("text", [SOUND + "# a comment\n", SOUND.replace("# signed in March", "# signed in April")])
def test_even_a_comment_makes_them_void_for_comments_are_read_too(store: Store, text: str) -> None:
    made = drafts.save(store, SOUND, RITA, NOW)
    drafts.sign(store, made.number, "marketing", MARA, NOW)
    saved = drafts.save(store, text, RITA, NOW, number=made.number)
    assert (saved.content, saved.revision) == (made.content, 1)
    with store.reading() as conn:
        assert signatures(contracts.history(conn), made.number, saved.revision) == {}


def test_another_moment_makes_them_void(store: Store) -> None:
    made = drafts.save(store, SOUND, RITA, NOW, takes_force=days(3))
    drafts.sign(store, made.number, "marketing", MARA, NOW)
    assert drafts.save(store, SOUND, RITA, NOW, number=made.number, takes_force=days(4)).revision == 1
    assert drafts.sign(store, made.number, "sales", PRIYA, NOW).version is None


def test_saving_what_is_there_changes_nothing(store: Store) -> None:
    made = drafts.save(store, SOUND, RITA, NOW)
    drafts.sign(store, made.number, "marketing", MARA, NOW)
    assert drafts.save(store, SOUND, RITA, NOW, number=made.number).revision == 0
    assert drafts.sign(store, made.number, "sales", PRIYA, NOW).version is not None


def test_who_saw_something_else_signs_nothing(store: Store) -> None:
    made = drafts.save(store, SOUND, RITA, NOW)
    drafts.save(store, FASTER, RITA, NOW, number=made.number)
    assert "it no longer is ctr_" in refusal(drafts.sign, store, made.number, "marketing", MARA, NOW, content=made.content)


def test_a_draft_with_problems_is_kept_but_not_signed(store: Store) -> None:
    made = drafts.save(store, changed("default: team", "default: taem"), RITA, NOW)
    assert made.content is None
    assert "there is no pool 'taem'" in refusal(drafts.sign, store, made.number, "marketing", MARA, NOW)


def test_a_draft_whose_examples_fail_is_not_signed(store: Store) -> None:
    made = drafts.save(store, changed("owner: ana", "owner: ben"), RITA, NOW)
    what = refusal(drafts.sign, store, made.number, "marketing", MARA, NOW)
    assert "example 'a demo request' does not come out as expected: owner: expected ben, was ana" in what


def test_what_is_in_force_already_needs_no_signature(store: Store) -> None:
    both_sign(store, SOUND, NOW)
    made = drafts.save(store, SOUND, RITA, NOW)
    assert "those of version 1, which holds then anyway" in refusal(drafts.sign, store, made.number, "marketing", MARA, NOW)


# --- drafts ---------------------------------------------------------------------------------------------------


def test_two_who_edit_at_once_do_not_overwrite_each_other(store: Store) -> None:
    made = drafts.save(store, SOUND, RITA, NOW)
    drafts.save(store, FASTER, MARA, NOW, number=made.number, revision=0)
    what = refusal(drafts.save, store, FASTEST, RITA, NOW, number=made.number, revision=0)
    assert what == "mara@northwind.example saved it while you were writing"
    assert draft(store, made.number).source == FASTER


@pytest.mark.parametrize("who", [ANA, Who("eva@northwind.example", "Eva", "leader")])
def test_reps_and_leaders_read(store: Store, who: Who) -> None:
    assert "reads contracts" in refusal(drafts.save, store, SOUND, who, NOW)
    made = drafts.save(store, SOUND, RITA, NOW)
    assert "reads contracts" in refusal(drafts.withdraw_draft, store, made.number, who, NOW)


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b", "x" * 300_000])
def test_what_no_database_can_hold_is_refused(store: Store, text: str) -> None:
    assert refusal(drafts.save, store, text, RITA, NOW)


def test_a_withdrawn_draft_is_over(store: Store) -> None:
    made = drafts.save(store, SOUND, RITA, NOW)
    drafts.withdraw_draft(store, made.number, RITA, NOW)
    for call in (drafts.withdraw_draft,):
        assert refusal(call, store, made.number, RITA, NOW) == "it was withdrawn"
    assert refusal(drafts.sign, store, made.number, "marketing", MARA, NOW) == "it was withdrawn"
    assert refusal(drafts.sign, store, 99, "marketing", MARA, NOW) == "there is no such draft"


# --- moments --------------------------------------------------------------------------------------------------


def test_a_scheduled_version_takes_force_by_itself(store: Store) -> None:
    """Nobody and nothing has to run at the moment: every decision asks what holds at its own time."""
    both_sign(store, SOUND, NOW)
    both_sign(store, FASTER, NOW, takes_force=days(10))
    standing = book(store)  # read once, before the moment, as a worker that runs on
    assert [standing.version(standing.id_at(days(d))) for d in (0, 9.999, 10, 11)] == [1, 1, 2, 2]


def test_two_scheduled_versions_and_one_withdrawn(store: Store) -> None:
    both_sign(store, SOUND, NOW)
    running = book(store)
    both_sign(store, FASTER, NOW, takes_force=days(20))
    both_sign(store, FASTEST, NOW, takes_force=days(10))
    assert [version_at(store, days(d)) for d in (0, 10, 20)] == [1, 3, 2]
    drafts.withdraw_version(store, 3, PRIYA, days(9))
    assert [version_at(store, days(d)) for d in (0, 10, 20)] == [1, 1, 2]
    with store.reading() as conn:
        running.refresh(conn)
    assert [running.version(running.id_at(days(d))) for d in (0, 10, 20)] == [1, 1, 2]
    assert running.by_id(FASTEST_ID).contract.sla[1].first_touch.amount == 2  # still there for whoever looks it up


FASTEST_ID = agreed(FASTEST).id


def test_a_worker_that_knew_a_version_hears_that_it_was_withdrawn(store: Store) -> None:
    both_sign(store, SOUND, NOW)
    both_sign(store, FASTER, NOW, takes_force=days(10))
    running = book(store)
    drafts.withdraw_version(store, 2, MARA, days(1))
    with store.reading() as conn:
        assert running.refresh(conn).version(running.id_at(days(11))) == 1


def test_once_in_force_it_is_not_withdrawn_but_replaced(store: Store) -> None:
    both_sign(store, SOUND, NOW)
    both_sign(store, FASTER, NOW, takes_force=days(10))
    assert "decisions were made by it" in refusal(drafts.withdraw_version, store, 1, PRIYA, NOW)
    assert "decisions were made by it" in refusal(drafts.withdraw_version, store, 2, PRIYA, days(10))
    assert refusal(drafts.withdraw_version, store, 9, PRIYA, NOW) == "there is no such version"
    assert "does not withdraw" in refusal(drafts.withdraw_version, store, 2, RITA, NOW)


def test_a_moment_that_has_passed_is_refused_at_saving_and_at_signing(store: Store) -> None:
    assert "has passed" in refusal(drafts.save, store, SOUND, RITA, NOW, takes_force=days(-1))
    made = drafts.save(store, SOUND, RITA, NOW, takes_force=days(2))
    drafts.sign(store, made.number, "marketing", MARA, NOW)
    assert "has passed" in refusal(drafts.sign, store, made.number, "sales", PRIYA, days(3))


def test_whoever_signs_hears_what_will_replace_it(store: Store) -> None:
    """Agreed earlier, in force later: the scheduled version was written without knowing this one."""
    both_sign(store, SOUND, NOW)
    both_sign(store, FASTER, NOW, takes_force=days(10))
    made = drafts.save(store, FASTEST, RITA, NOW)
    drafts.sign(store, made.number, "marketing", MARA, NOW)
    done = drafts.sign(store, made.number, "sales", PRIYA, NOW)
    assert [version.version for version in done.replaced_by] == [2]
    assert [version_at(store, days(d)) for d in (0, 10)] == [3, 2]


def test_going_back_is_a_new_version(store: Store) -> None:
    both_sign(store, SOUND, NOW)
    both_sign(store, FASTER, days(1))
    made = drafts.roll_back(store, 1, RITA, days(2))
    assert (made.source, made.base) == (SOUND, 2)
    drafts.sign(store, made.number, "marketing", MARA, days(2))
    done = drafts.sign(store, made.number, "sales", PRIYA, days(2))
    assert done.version is not None
    assert (done.version.version, done.version.id, done.version.content) == (3, f"{agreed().id}.3", agreed().id)
    assert [version_at(store, days(d)) for d in (0, 1, 2)] == [1, 2, 3]
    assert refusal(drafts.roll_back, store, 9, RITA, NOW) == "there is no such version"


# --- the operator's way ---------------------------------------------------------------------------------------


def test_loading_needs_no_signature_until_there_is_one(store: Store) -> None:
    assert put_in_force(store, SOUND, "c.yaml", NOW) == (1, [])
    assert put_in_force(store, FASTER, "c.yaml", NOW) == (2, [])
    both_sign(store, FASTEST, NOW)
    version, problems = put_in_force(store, SOUND, "c.yaml", NOW)
    assert version is None
    assert "was signed by Marketing and Sales" in problems[0].what
    assert "--unsigned" in problems[0].fix
    assert put_in_force(store, SOUND, "c.yaml", days(1), unsigned=True) == (4, [])
    with store.reading() as conn:
        last = contracts.history(conn)[-1]
    assert (last.kind, last.by, last.version) == ("loaded", "operator", 4)
    assert (last.data["unsigned"], last.data["after_signed"]) == (True, True)


def test_a_signed_version_that_was_withdrawn_before_its_moment_asks_for_nothing(store: Store) -> None:
    """It never held: what is in force was loaded, and may be replaced in the same way."""
    put_in_force(store, SOUND, "c.yaml", NOW)
    both_sign(store, FASTEST, NOW, takes_force=days(10))
    _, [problem] = put_in_force(store, FASTER, "c.yaml", days(1))
    assert problem.what == "version 2 was signed by Marketing and Sales, and this text is not"
    drafts.withdraw_version(store, 2, MARA, days(1))
    assert put_in_force(store, FASTER, "c.yaml", days(2)) == (3, [])


def test_loading_the_same_again_changes_nothing_also_after_going_back(store: Store) -> None:
    put_in_force(store, SOUND, "c.yaml", NOW)
    put_in_force(store, FASTER, "c.yaml", NOW)
    assert put_in_force(store, SOUND, "c.yaml", NOW) == (3, [])
    assert put_in_force(store, SOUND, "c.yaml", NOW) == (None, [])
    assert kinds(store) == ["loaded"] * 3


def test_a_file_that_changes_beside_a_signed_contract_becomes_a_draft_once(store: Store) -> None:
    both_sign(store, SOUND, NOW)
    made = drafts.follow(store, FASTER, "contract.yaml", NOW)
    assert made is not None
    assert (made.state, made.by) == ("open", "operator")
    assert drafts.follow(store, FASTER, "contract.yaml", NOW) is None
    assert drafts.follow(store, SOUND, "contract.yaml", NOW) is None
    assert version_at(store, NOW) == 1


def test_a_version_stands_although_a_later_handfast_would_object_to_it(store: Store) -> None:
    """Checks grow stricter with time. What was agreed before goes on deciding; only a new draft is asked to mend it."""
    text = changed("fields: {employees: int", "fields: {source: text, employees: int")  # a name that is taken
    assert put_in_force(store, text, "c.yaml", NOW)[1][0].what == "the name 'source' is taken"
    with store.writing() as conn:
        contracts.insert_version(conn, "ctr_older", "Northwind", "new_business", text, None, NOW)
    assert book(store).at(NOW).contract.contract == "Northwind"
    made = drafts.save(store, text, RITA, NOW)
    assert "the name 'source' is taken" in refusal(drafts.sign, store, made.number, "marketing", MARA, NOW)


# --- nothing is rewritten -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE contract_history SET by = 'mallory'",
        "DELETE FROM contract_history",
        "UPDATE contract SET source = 'x'",
        "UPDATE contract SET in_force_from = now()",
        "UPDATE contract SET withdrawn_at = now()",
        "DELETE FROM contract",
    ],
)
def test_the_database_itself_refuses_to_rewrite_the_past(store: Store, statement: str) -> None:
    both_sign(store, SOUND, NOW)
    with pytest.raises(psycopg.errors.RaiseException, match="never changed"), store.writing() as conn:
        conn.execute(statement)  # type: ignore[call-overload]


def test_the_whole_story_holds_together_and_a_forger_is_found(store: Store) -> None:
    put_in_force(store, SOUND, "c.yaml", NOW)
    both_sign(store, FASTER, days(1), takes_force=days(5))
    drafts.withdraw_version(store, 2, MARA, days(2))
    both_sign(store, FASTEST, days(3))
    with store.reading() as conn:
        entries = contracts.history(conn)
        texts = {v.version: v.source for v in contracts.versions(conn)}
    assert broken(entries) == []
    assert version_problems(entries, texts) == []
    with store.writing() as conn:  # somebody with every right, who switches the guard off
        conn.execute("ALTER TABLE contract_history DISABLE TRIGGER ALL")
        conn.execute("UPDATE contract_history SET by = 'mallory@northwind.example' WHERE seq = 3")
    with store.reading() as conn:
        assert [problem.where.part for problem in broken(contracts.history(conn))] == ["entry 3"]


def test_who_signed_a_version_can_be_read_from_the_history(store: Store) -> None:
    put_in_force(store, SOUND, "c.yaml", NOW)
    both_sign(store, FASTER, days(1))
    with store.reading() as conn:
        entries = contracts.history(conn)
    assert drafts.signatures_of(entries, 1) == []
    signed = drafts.signatures_of(entries, 2)
    assert [(s.side, s.name, s.content) for s in signed] == [
        ("marketing", "Mara Lang", agreed(FASTER).id),
        ("sales", "Priya Patel", agreed(FASTER).id),
    ]


def test_whoever_is_still_to_sign_is_counted(store: Store) -> None:
    def waiting() -> tuple[int, int]:
        with store.reading() as conn:
            return contracts.waiting_for(conn, "marketing"), contracts.waiting_for(conn, "sales")

    made = drafts.save(store, SOUND, RITA, NOW)
    assert waiting() == (0, 0), "a draft nobody has signed is not yet a question to anybody"
    drafts.sign(store, made.number, "marketing", MARA, NOW)
    assert waiting() == (0, 1)
    drafts.save(store, FASTER, RITA, NOW, number=made.number)
    assert waiting() == (0, 0)
    drafts.sign(store, made.number, "sales", PRIYA, NOW)
    assert waiting() == (1, 0)
    drafts.sign(store, made.number, "marketing", MARA, NOW)
    assert waiting() == (0, 0)


def test_a_watched_file_is_the_contract_until_somebody_signs(store: Store) -> None:
    assert drafts.from_file(store, SOUND, "c.yaml", NOW) == (1, [])
    both_sign(store, FASTER, days(1))
    assert drafts.from_file(store, FASTEST, "c.yaml", days(2)) == (None, [])
    assert drafts.from_file(store, FASTEST, "c.yaml", days(2)) == (None, [])
    version, problems = drafts.from_file(store, "contract: [", "c.yaml", days(2))
    assert version is None
    assert problems[0].where.file == "c.yaml"
    with store.reading() as conn:
        assert [(d.source, d.by) for d in contracts.drafts(conn, only_open=True)] == [(FASTEST, "operator")]
    assert version_at(store, days(3)) == 2


def test_the_version_in_force_is_counted_by_its_moment(store: Store) -> None:
    """What `/metrics` and `/readyz` say: neither a scheduled nor a withdrawn version is in force, whatever its number."""
    from handfast.store import pulse

    def said(at: datetime) -> int:
        with store.reading() as conn:
            return pulse.pulse(conn, at).contract_version

    assert said(NOW) == 0
    both_sign(store, SOUND, NOW)
    both_sign(store, FASTER, NOW, takes_force=days(20))
    both_sign(store, FASTEST, NOW, takes_force=days(10))
    assert [said(days(d)) for d in (0, 10, 20)] == [1, 3, 2]
    drafts.withdraw_version(store, 2, MARA, days(1))
    assert said(days(20)) == 3
