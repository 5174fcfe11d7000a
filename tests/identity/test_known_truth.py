"""Matching measured against hand-checked truth: the bars the product is held to, on real data where it is at hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from bench import match_companies, match_people
from handfast.identity.learn import link

pytestmark = pytest.mark.data


def test_febrl_4_at_the_default_bar(real_data: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Two files of 5,000 people each, every one in both, most of them with mistakes: precision at least 0.99, nearly all found."""
    monkeypatch.setattr(match_people, "data", lambda: real_data("febrl").parent)
    records = match_people.febrl()
    found, _ = link(records, match_people.FEBRL, source="source")
    sure = found.filter(pl.col("probability") >= match_companies.BAR)
    truth = records.get_column("truth")
    right = int((truth.gather(sure["a"]) == truth.gather(sure["b"])).sum())
    assert right / sure.height >= 0.99
    assert right / 5000 >= 0.999


def test_dutch_applicants_with_hard_pairs_at_the_default_bar(real_data: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """2,379 spellings of 102 companies with hand-checked identity, and pairs alike in letters that are two."""
    monkeypatch.setattr(match_companies, "data", lambda: real_data("company_patstat_nl").parent)
    names, truth = match_companies.applicants()
    found, right, true = match_companies.grouped(match_companies.ours(names), truth)
    assert right / found >= 0.99
    assert 2 * right / (found + true) >= 0.97
