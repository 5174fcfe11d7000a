"""What a rep says of themselves in the words of a contract: own hours, region, skills; and what can be wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import ValidationError

from handfast.contract.calendars import calendar_problems
from handfast.contract.terms import Calendar
from handfast.problem import Place, Problem

_SKILL: Final = re.compile(r"[a-z][a-z0-9_-]{0,59}")
_MOST_SKILLS: Final = 40


def profile_problems(week: Mapping[str, Sequence[str]] | None, holidays: str | None, skills: Sequence[str], rep_id: str) -> list[Problem]:
    """What is wrong with hours, region or skills of a rep; empty where nothing is."""
    place = Place(f"rep {rep_id}")
    try:
        calendar = Calendar.model_validate({"week": week if week is not None else {"mon-fri": ["09:00-17:00"]}, "holidays": holidays})
    except ValidationError as error:
        what, _, fix = str(error.errors()[0].get("ctx", {}).get("error", "the hours cannot be read")).partition("; ")
        return [Problem(Place(f"rep {rep_id}", part="week"), what, f"{fix[:1].upper()}{fix[1:]}." if fix else "Write mon-fri 09:00-17:00.")]
    found = calendar_problems(calendar, place)
    for skill in skills:
        if not _SKILL.fullmatch(skill):
            fix = "Use lower-case letters, digits, '-' and '_', as the contract does: german."
            found.append(Problem(Place(f"rep {rep_id}", part="skills"), f"'{skill[:60]}' is not a skill's name", fix))
    if len(skills) > _MOST_SKILLS:
        found.append(Problem(Place(f"rep {rep_id}", part="skills"), f"{len(skills)} skills are named", f"Name {_MOST_SKILLS} at most."))
    return found


def parse_week(text: str) -> dict[str, list[str]] | None:
    """`mon-thu 09:00-12:30 13:15-17:30; fri 09:00-15:00` as a contract's week; None where it is empty."""
    parts = [part.split() for part in re.split(r"[;\n]", text) if part.strip()]
    return {days.rstrip(":"): [one.rstrip(",") for one in times] for days, *times in parts} or None


def week_text(week: Mapping[str, Sequence[str]] | None) -> str:
    """As `parse_week` reads it."""
    return "; ".join(f"{days} {' '.join(times)}" for days, times in (week or {}).items())
