"""Which rules the examples of a contract touch."""

from __future__ import annotations

import json

from click.testing import CliRunner

from handfast.cli.contract import command
from handfast.tuning.coverage import Coverage, cover
from handfast.tuning.proof import prove

from .contracts import SOUND, agreed, changed


def covered(text: str) -> Coverage:
    agreement = agreed(text)
    return cover(agreement, prove(agreement))


def missed(text: str) -> list[tuple[str, str]]:
    return [(rule.part, rule.name) for rule in covered(text).untouched]


def test_what_the_one_example_touches_and_what_it_does_not() -> None:
    assert missed(SOUND) == [
        ("never", "country IN ('KP')"),
        ("reasons", "embargo"),
        ("intent", "page_viewed: path LIKE '/pricing%'"),
        ("intent", "seat_added: seats > 3"),
        ("next_step", "pricing by form_submitted"),
        ("sla", "standard"),
    ]


def test_an_example_of_each_rule_leaves_nothing() -> None:
    more = """\
  - name: embargo
    given: {person: {country: KP}}
    expect: {verdict: never}
  - name: pricing
    given: {person: {employees: 800, country: US, industry: software}, signals: [{kind: form_submitted, form: pricing},
            {kind: page_viewed, path: /pricing}, {kind: seat_added, seats: 4}]}
    expect: {verdict: ready}
"""
    assert missed(SOUND + more) == []
    by_name = {rule.name: rule.examples for rule in covered(SOUND + more).rules}
    assert by_name["embargo"] == ("embargo",)
    assert by_name["the right size"] == ("a demo request", "pricing")


def test_a_failing_example_touches_what_it_touches() -> None:
    """Coverage asks what the rules did, not whether the author foresaw it."""
    assert missed(changed("owner: ana", "owner: ben")) == missed(SOUND)


def test_a_rule_that_is_shadowed_is_not_touched() -> None:
    """A shadow that the check does not see: it does not look into functions."""
    text = changed(
        "  - name: hand-raiser", "  - {name: first, when: \"lower(next_step) = 'demo'\", first_touch: 5 minutes}\n  - name: hand-raiser"
    )
    assert ("sla", "hand-raiser") in missed(text)


def test_without_examples_nothing_is_touched() -> None:
    text = SOUND[: SOUND.index("examples:")]
    found = covered(text)
    assert len(found.untouched) == len(found.rules) > 10


def test_prove_says_it_in_words_and_as_json(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "c.yaml"
    path.write_text(SOUND, encoding="utf-8")
    said = CliRunner().invoke(command, ["prove", str(path)]).output
    assert "They touch 7 of 13 rules. No example touches:\n  never        country IN ('KP')" in said
    told = json.loads(CliRunner().invoke(command, ["prove", str(path), "--json"]).stdout)["coverage"]
    assert (told["rules"], told["touched"], told["untouched"][0]["path"]) == (13, 7, "ready.fit.never[0]")
