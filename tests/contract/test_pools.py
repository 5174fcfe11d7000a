"""What a contract may say about who takes turns, and what it may not."""

from __future__ import annotations

import pytest

from handfast.contract.diff import diff

from .contracts import SOUND, agreed, changed, refused

POOLS = changed(
    "team: {members: {ana: 1, ben: 0.5}, cap: 8 open}",
    "team: {members: {ana: 1, ben: 0.5}, cap: 8 open, per_day: 5 per day, hours: berlin, counter: all, sticky: 90 days,\n"
    "           needs: [english, {skill: german, when: \"country IN ('DE', 'AT')\"}]}\n"
    "    night: {members: {ana: 1, cy: 1}, counter: all}",
)


def test_everything_a_pool_may_ask_for_is_read() -> None:
    contract = agreed(POOLS).contract
    team = contract.routing.pools["team"]
    assert (team.per_day, team.hours, team.counter, str(team.sticky)) == (5, "berlin", "all", "90 days")
    assert [(need.of, need.skill, need.when is not None) for need in agreed(POOLS).needs] == [
        ("team", "english", False),
        ("team", "german", True),
    ]
    assert type(contract).model_validate(contract.model_dump(mode="json")) == contract


@pytest.mark.parametrize(
    ("old", "new", "what", "fix"),
    [
        ("hours: berlin", "hours: berln", "there is no calendar 'berln'", "Did you mean 'berlin'?"),
        ("hours: berlin", "hours: always", "'always' leaves nobody out at any time", "Leave the line out"),
        ("{ana: 1, cy: 1}, counter: all", "{ana: 1, cy: 1}", "no other pool shares the counter 'all'", "Give it to another pool too"),
        ("{ana: 1, cy: 1}", "{ana: 2, cy: 1}", "ana has the share 2 here and 1 in 'team'", "Give the same share in both"),
        ("sticky: 90 days", "sticky: 0 days", "nobody comes back in no time at all", "Write it as '90 days'."),
        ("5 per day", "5 per week", "'5 per week' does not say how many a day", "Write it as '5 per day'."),
        (
            "country IN ('DE', 'AT')",
            "country = 'DE' AND country = 'AT'",
            "nobody ever needs 'german' here: the condition can never be true",
            "",
        ),
        ("country IN ('DE', 'AT')", "contry = 'DE'", "'contry'", "Did you mean 'country'?"),
        ("needs: [english", "needs: [English", "'English' is not a name", ""),
        ("  default: team", "  default: team\n  disputes_within: 0 days", "nobody answers in no time at all", "Write it as '2 days'."),
        ("  default: team", "  default: team\n  moves: {hand_back: always}", "cannot be 'always'", ""),
    ],
)
def test_what_cannot_be_is_said_with_its_place(old: str, new: str, what: str, fix: str) -> None:
    [problem] = refused(changed(old, new, POOLS))
    assert what in problem.what
    assert fix in problem.fix
    assert problem.where.line > 1


def test_what_changes_is_said_in_sentences() -> None:
    said = [change.sentence for change in diff(agreed(SOUND).contract, agreed(POOLS).contract)]
    assert said[:2] == ["pool team limit each a day none → 5 per day", "pool team working hours asked for none → berlin"]
    moves = changed("  default: team", "  default: team\n  minded_by: ana\n  moves: {hand_back: untouched, away_longer_than: 3 days}")
    assert [change.sentence for change in diff(agreed(SOUND).contract, agreed(moves).contract)] == [
        "who minds the exception queue none → ana",
        "handoffs move on when their owner is away for more than none → 3 days",
        "handed back to owners who return never → untouched",
    ]


def test_a_contract_that_says_none_of_it_is_what_it_was() -> None:
    """New terms take no part in the id of a contract that does not use them."""
    team = agreed(SOUND).contract.routing.pools["team"]
    assert (team.hours, team.per_day, team.needs, team.counter, team.sticky) == (None, None, (), None, None)
