"""`handfast report` at a terminal: figures with what they stand on, and a way out of every mistake."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from click.testing import CliRunner

from handfast.cli.report import command
from handfast.measure.definitions import MEASURES
from tests.desk.house import House


@pytest.fixture
def run(database_url, monkeypatch, tmp_path):
    monkeypatch.setenv("HANDFAST_DATABASE_URL", database_url)
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(command, words)


@pytest.fixture
def house(store):
    one = House(store)
    one.arrives("eva@kraus.example", "Mon 10:00")
    one.calls(one.handoff(), one.owner(), "Mon 10:20")
    return one


def test_a_new_house_is_told_where_figures_come_from(run):
    found = run()
    assert found.exit_code == 0
    assert found.stdout.startswith("No handoffs in this period.")
    assert "handfast import FILE --as signals" in found.stdout
    assert "handfast demo" in found.stdout


def test_too_few_are_shown_as_too_few(run, house):
    shown = run("--as-of", "2026-03-02T12:00+00:00").stdout
    assert shown.startswith("1 leads in 1 handoffs; too few for figures yet.")
    assert "not enough data: 1 of 30" in shown
    for measure in MEASURES:
        assert measure.title in shown


def test_every_figure_comes_with_its_interval_and_its_rows(run, house):
    shown = run("--as-of", "2026-06-20", "--minimum", "1", "--by", "rep,month").stdout
    assert "20 min" in shown
    assert "100% (21% to 100%)" in shown
    assert "1 of 1" in shown
    assert "By rep, month" in shown
    assert "Anna A" in shown or "Ben B" in shown


def test_the_same_as_json(run, house):
    found = json.loads(run("--as-of", "2026-03-03", "--minimum", "1", "--by", "source", "--json").stdout)
    assert found["as_of"] == "2026-03-03T00:00:00+00:00"
    assert found["measures"]["speed_to_lead"]["p50"]["value"] == 1200
    assert [group["key"] for group in found["groups"]] == [{"source": "web"}]


def test_a_day_means_its_first_moment_and_the_end_is_not_included(run, house):
    def leads(*words):
        return json.loads(run("--json", "--as-of", "2026-03-09", *words).stdout)["counts"]["leads"]

    assert datetime.fromisoformat("2026-03-02T09:00+00:00")
    assert leads("--from", "2026-03-02", "--to", "2026-03-03") == 1
    assert leads("--from", "2026-03-01", "--to", "2026-03-02") == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--by", "sorce"), "'sorce' is not something to break down by. Did you mean 'source'?"),
        (("--as-of", "yesterday"), "'yesterday' is not a day or a moment. Write it as 2026-11-22"),
        (("--from", "2026-03-02", "--to", "2026-03-02"), "2026-03-02 is not after 2026-03-02"),
    ],
)
def test_a_mistake_is_a_problem_with_a_way_out(run, words, said):
    found = run(*words)
    assert found.exit_code == 1
    assert said in found.stderr
    assert found.stdout == ""
