"""Territories by lists from files: thousands of postcodes beside the contract, taken into its text, and what may be wrong with the files."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from handfast.cli.contract import command
from handfast.connectors.files import lists as files
from handfast.connectors.files.taken import read_file, take_in
from handfast.contract.agreement import Agreement
from handfast.contract.conditions import as_frame
from handfast.contract.diff import diff
from handfast.contract.lists import pack, split, unpack
from handfast.contract.reading import read_contract
from handfast.desk import contracts, drafts
from handfast.desk.contracts import Book
from handfast.routing.ownership import claims
from handfast.store.base import Store

MONDAY = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
TEXT = """contract: Northwind
calendar: {week: {mon-fri: ["09:00-17:00"]}}
fields: {postcode: text, domain: text, employees: int}
lists:
  west: {file: west.csv, column: PLZ}
  named: [kraus.example, weiss.example]   # few enough to be written here
ready:
  fit: {at_least: 0}
  intent: {at_least: 0}
  next_step: [{step: demo, on: form_submitted, within: 7 days}]
routing:
  territories:
    - {name: strategic, when: "domain IN LIST named", to: bo}
    - {name: west, when: "postcode IN LIST west AND (employees IS NULL OR employees >= 10)", to: ana}
  pools: {all: {members: {ana: 1, bo: 1}}}
  default: all
sla: [{name: any, first_touch: 1 hour}]
dispositions: {recycle: {reasons: {not_now: {}}}, disqualify: {reasons: {bad_fit: {}}}}
"""
ROWS = "city;PLZ\nKöln;50667\nBonn; 53111 \nKöln;50667\nAachen;52062\n"


@pytest.fixture
def contract(tmp_path: Path) -> Path:
    (tmp_path / "west.csv").write_text(ROWS)
    (tmp_path / "contract.yaml").write_text(TEXT)
    return tmp_path / "contract.yaml"


def sound(path: Path) -> Agreement:
    read = read_file(path)
    assert read.agreement is not None, read.problems
    return read.agreement


def test_a_territory_may_be_a_column_of_a_file(contract: Path) -> None:
    """True, false and unknown, as for any other condition."""
    found = sound(contract)
    people = [{"postcode": "53111"}, {"postcode": "10115"}, {"postcode": "53111", "employees": 3}, {"domain": "weiss.example"}, {}]
    said = claims(found, as_frame(people, dict(found.contract.fields)))
    assert [(claim.territory, claim.unknown) for claim in said] == [
        ("west", ("strategic",)),
        (None, ("strategic",)),
        (None, ("strategic",)),
        ("strategic", ()),
        (None, ("strategic", "west")),
    ]


def test_ten_thousand_entries_are_one_question(contract: Path) -> None:
    (contract.parent / "west.csv").write_text("PLZ\n" + "\n".join(f"{number:05}" for number in range(10_000)))
    found = sound(contract)
    frame = pl.DataFrame({"postcode": [f"{number:05}" for number in range(9_990, 10_010)]})
    assert (
        frame.select(found.territories[1].expr.alias("_") if False else pl.col("postcode").is_in(list(found.contract.entries["west"])))[
            "postcode"
        ].sum()
        == 10
    )


def test_the_text_carries_the_entries_and_reads_by_itself(contract: Path) -> None:
    """What is stored and signed is the text with its entries: the file may go, or change, and nothing that was agreed changes."""
    taken = take_in(contract)
    assert taken.text.startswith(TEXT)
    assert split(taken.text)[0].strip() == TEXT.strip()
    alone, problems = read_contract(taken.text, "stored")
    assert alone is not None, problems
    assert alone.id == sound(contract).id
    assert alone.contract.entries == {"west": ("50667", "52062", "53111")}


def test_the_id_depends_on_what_the_list_holds_and_on_nothing_else(contract: Path) -> None:
    before = sound(contract)
    (contract.parent / "west.csv").write_text("PLZ,city\n52062,Aachen\n53111,Bonn\n50667,Köln\n")
    assert sound(contract).id == before.id, "another order, another separator, the same entries"
    (contract.parent / "west.csv").write_text(ROWS + "Düren;52349\n")
    after = sound(contract)
    assert after.id != before.id
    (change,) = diff(before.contract, after.contract)
    assert change.sentence.startswith('what list west holds "3 entries, sha256 ')
    assert "4 entries, sha256 " in change.sentence


def test_a_file_that_changes_changes_nothing_that_was_agreed(contract: Path, store: Store) -> None:
    contracts.put_in_force(store, take_in(contract).text, "contract.yaml", MONDAY)
    (contract.parent / "west.csv").unlink()
    with store.reading() as conn:
        held = Book().refresh(conn).at(MONDAY)
    assert held.contract.entries["west"] == ("50667", "52062", "53111")
    looked = drafts.examine(TEXT)
    assert [p.what for p in looked.problems] == ["the entries of 'west' are not at hand: west.csv was not taken in with this text"]


def test_a_text_that_was_taken_in_needs_its_file_no_more(contract: Path) -> None:
    contract.write_text(take_in(contract).text)
    (contract.parent / "west.csv").unlink()
    assert sound(contract).contract.entries["west"] == ("50667", "52062", "53111")
    (contract.parent / "west.csv").write_text("PLZ\n1\n")
    assert sound(contract).contract.entries["west"] == ("1",), "where there is a file, it is what counts"


def test_packing_is_reversible_and_hostile_packages_are_refused() -> None:
    assert unpack(pack(["b", "a", "b", "ü"])) == ("a", "b", "ü")
    import base64
    import zlib

    for bad in ("AAAA", base64.b64encode(zlib.compress(b"\xff\xfe")).decode(), pack(["a"])[:-8]):
        with pytest.raises(ValueError, match=r"list cannot be read|cut off"):
            unpack(bad)
    text = TEXT + '\nentries:\n  west: "AAAA"\n'
    _, problems = read_contract(text, "x")
    assert [p.what for p in problems] == ["the entries of this list cannot be read"]


# --- what may be wrong with the files -------------------------------------------------------------------------


def test_bad_rows_are_told_with_their_lines_and_good_ones_count(contract: Path) -> None:
    (contract.parent / "west.csv").write_text('city;PLZ\nKöln;50667\nBonn\n;  \nHof;"95\n028"\nUlm;89073\n' + f"Worms;{'6' * 300}\n")
    read = read_file(contract)
    assert read.agreement is not None, read.problems
    assert read.agreement.contract.entries["west"] == ("50667", "89073")
    assert [(p.where.file, p.where.line, p.what) for p in read.rows] == [
        ("west.csv", 3, "the row has 1 cells and 'PLZ' is the 2th"),
        ("west.csv", 4, "the cell is empty"),
        ("west.csv", 6, "the cell has a line break or a sign that cannot be read"),
        ("west.csv", 8, "the cell has 300 characters; 200 are the most"),
    ]
    said = CliRunner().invoke(command, ["check", str(contract)])
    assert said.exit_code == 0
    assert "Left out: west.csv line 4, PLZ: the cell is empty" in said.stderr
    found = json.loads(CliRunner().invoke(command, ["check", str(contract), "--json"]).stdout)
    assert [row["line"] for row in found["rows_left_out"]] == [3, 4, 6, 8]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (None, "there is no file 'west.csv' beside the contract"),
        (b"city;Plz\nUlm;89073\n", "it has no column 'PLZ'. Use one of: Plz, city."),
        (b"city;PLZ\nUlm;\n", "the column 'PLZ' has no entry"),
        (b"city;PLZ\nK\xf6ln;50667\n", "west.csv line 2: this is not UTF-8 text"),
        (b"", "it has no column 'PLZ'"),
    ],
)
def test_a_file_that_cannot_be_used_is_a_problem(contract: Path, rows: bytes | None, said: str) -> None:
    if rows is None:
        (contract.parent / "west.csv").unlink()
    else:
        (contract.parent / "west.csv").write_bytes(rows)
    read = read_file(contract)
    assert read.agreement is None
    assert any(said in str(problem) for problem in read.problems), read.problems


def test_a_huge_file_is_refused_without_being_read(contract: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_BYTES", 40)
    assert any("MB" in p.what for p in read_file(contract).problems)
    monkeypatch.setattr(files, "MOST_BYTES", 1000)
    monkeypatch.setattr(files, "MOST_ENTRIES", 2)
    assert any("has more than 2 entries" in p.what for p in read_file(contract).problems)


@pytest.mark.parametrize("file", ["/etc/passwd", "../west.csv"])
def test_a_list_stands_beside_the_contract(contract: Path, file: str) -> None:
    contract.write_text(TEXT.replace("west.csv", file))
    assert any("does not stand beside the contract" in p.what for p in read_file(contract).problems)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("IN LIST west", "IN LIST wst", "there is no list 'wst'. Did you mean 'west'?"),
        ("domain IN LIST named", "employees IN LIST named", "a list holds texts, and this is employees"),
        ("domain IN LIST named", "domain = 'x.example'", "no condition asks for the list 'named'"),
        ("{file: west.csv, column: PLZ}", "{file: west.csv}", "a file and a column belong together"),
        ("{file: west.csv, column: PLZ}", "[]", "a list is a `file` with a `column`, or `values`"),
    ],
)
def test_a_list_that_leads_nowhere_is_a_problem_in_its_line(contract: Path, before: str, after: str, said: str) -> None:
    contract.write_text(TEXT.replace(before, after))
    read = read_file(contract)
    (problem,) = [p for p in read.problems if said in f"{p.what}. {p.fix}"]
    assert problem.where.line in (5, 6, 13, 14)
