"""Values that do not have the shape of a contract: each complaint of pydantic as a Problem in the words of people who write contracts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from handfast.contract.place import KEY, Locator, Path, dotted
from handfast.contract.terms import Contract
from handfast.numbers import short
from handfast.problem import Problem, nearest, one_of

#: For what is missing: a line to start from.
_STARTS: Final[Mapping[str, str]] = {
    "contract": "contract: Northwind",
    "calendar": 'calendar: {timezone: America/New_York, week: {mon-fri: ["09:00-17:30"]}}',
    "week": 'week: {mon-fri: ["09:00-17:30"]}',
    "ready": "ready: {fit: {at_least: 50}, intent: {at_least: 40}, next_step: [...]}",
    "fit": "fit: {at_least: 50, points: [...]}",
    "intent": "intent: {at_least: 40, points: [...]}",
    "next_step": "next_step: [{step: demo, on: form_submitted, when: \"form = 'demo'\", within: 7 days}]",
    "routing": "routing: {pools: {team: {members: {ana: 1}}}, default: team}",
    "sla": "sla: [{name: standard, first_touch: 4 hours}]",
    "first_touch": "first_touch: 4 hours",
    "dispositions": "dispositions: {recycle: {reasons: {...}}, disqualify: {reasons: {...}}}",
    "recycle": "recycle: {reasons: {not_now: {back: 90 days}}}",
    "disqualify": "disqualify: {reasons: {bad_fit: {blames: fit}}}",
    "reasons": "reasons: {not_now: {back: 90 days}}",
    "when": 'when: "employees >= 200"',
    "within": "within: 7 days",
    "after": "after: 15 minutes",
    "at_least": "at_least: 50",
    "points": "points: 10",
    "on": "on: page_viewed",
    "to": "to: a pool or a rep",
    "members": "members: {ana: 1, ben: 0.5}",
    "given": "given: {person: {employees: 800}}",
    "expect": "expect: {verdict: ready}",
}
#: What was expected instead, by pydantic's name for the mistake.
_EXPECTED: Final[Mapping[str, tuple[str, str]]] = {
    "int_type": ("a whole number", "Write digits only: 25."),
    "int_parsing": ("a whole number", "Write digits only: 25."),
    "int_from_float": ("a whole number", "Write digits only: 25."),
    "float_type": ("a number", "Write digits, with a point if need be: 0.5."),
    "float_parsing": ("a number", "Write digits, with a point if need be: 0.5."),
    "bool_type": ("true or false", "Write true or false."),
    "bool_parsing": ("true or false", "Write true or false."),
    "string_type": ("a text", "Put it in quotes if it is meant as a text."),
    "tuple_type": ("a list", "Write it as [a, b], or one '- ' line each."),
    "mapping_type": ("a set of `key: value` lines", "Write it as {key: value}, or one line each."),
    "dict_type": ("a set of `key: value` lines", "Write it as {key: value}, or one line each."),
    "model_type": ("a set of `key: value` lines", "Write it as {key: value}, or one line each."),
    "model_attributes_type": ("a set of `key: value` lines", "Write it as {key: value}, or one line each."),
}


def shape_problems(refused: ValidationError, locate: Locator) -> list[Problem]:
    """Every complaint, at the place of what it is about."""
    return [_problem(error, locate) for error in refused.errors(include_url=False) if not _follows(error)]


def _follows(error: ErrorDetails) -> bool:
    """A list that is only too short because an entry of it is wrong: that entry has a Problem of its own."""
    return error["type"] == "too_short" and bool(error["input"])


def _problem(error: ErrorDetails, locate: Locator) -> Problem:
    path, kind = tuple(error["loc"]), error["type"]
    if kind == "extra_forbidden":
        return Problem(locate((*path, KEY)), *_unknown_key(path))
    if kind == "missing":
        return Problem(locate(path[:-1]), *_missing(path))
    if kind == "invalid_key":
        return Problem(locate(path), f"'{path[-1]}' cannot be a key", "Use a word of letters and digits.")
    return Problem(locate(path), *_wrong_value(error, path))


def _unknown_key(path: Path) -> tuple[str, str]:
    key, known = str(path[-1]), known_keys(path[:-1])
    under = f"under {dotted(path[:-1])}" if len(path) > 1 else "in a contract"
    close = nearest(key, known)
    what = f"'{key}' is not known {under}"
    return what, f"Did you mean '{close}'?" if close else f"Known are: {', '.join(known)}." if known else "Leave it out."


def _missing(path: Path) -> tuple[str, str]:
    key = str(path[-1])
    where = f"in {dotted(path[:-1])}" if len(path) > 1 else "in the contract"
    return f"'{key}' is missing {where}", f"Add it: {_STARTS.get(key, f'{key}: …')}"


def _wrong_value(error: ErrorDetails, path: Path) -> tuple[str, str]:
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    name = dotted(path)
    if value is None and kind in _EXPECTED:
        return f"{name} is empty", f"Give it {_EXPECTED[kind][0]}, or take the line out."
    if kind in _EXPECTED:
        expected, fix = _EXPECTED[kind]
        return f"{name} is {_shown(value)} instead of {expected}", fix
    if kind == "value_error":
        what, _, fix = str(context.get("error", error["msg"])).partition("; ")
        return what, f"{fix[:1].upper()}{fix[1:]}." if fix else "Correct the value."
    if kind == "literal_error":
        allowed = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        return f"{name} cannot be {_shown(value)}", one_of(allowed, word=str(value), most=12)
    return _out_of_bounds(kind, value, name, context) or (f"{name}: {error['msg'].lower()}", "Correct the value.")


def _out_of_bounds(kind: str, value: Any, name: str, context: Mapping[str, Any]) -> tuple[str, str] | None:
    if kind == "string_pattern_mismatch":
        fix = "Use lower-case letters, digits, '-' and '_', with a letter first, as in enterprise-west."
        return f"{_shown(value)} is not a name", fix
    if kind in ("string_too_short", "too_short"):
        return f"{name} is empty", "Give it at least one entry." if kind == "too_short" else "Write something, or take the line out."
    if kind == "string_too_long":
        return f"{name} has {len(value):,} characters; {context['max_length']:,} is the most", "Shorten it, or split it in two."
    if kind in ("greater_than", "greater_than_equal"):
        least = f"above {short(context['gt'])}" if "gt" in context else f"from {short(context['ge'])} up"
        return f"{name} is {value}, which is too little", f"Write a number {least}."
    return None


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "a set of `key: value` lines"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    return f"'{text if len(text) <= 60 else text[:59] + '…'}'"


# --- the shape itself -----------------------------------------------------------------------------------------


def known_keys(path: Path) -> Sequence[str]:
    """The keys a contract may have at a path; none where it is a list, a value, or names of the author's own."""
    found: Any = Contract
    for step in path:
        found = _inside(found, step)
    return list(found.model_fields) if isinstance(found, type) and issubclass(found, BaseModel) else []


def _inside(term: Any, step: str | int) -> Any:
    """The type of what stands under a key or an index of a type."""
    if isinstance(term, type) and issubclass(term, BaseModel):
        field = term.model_fields.get(str(step))
        return _bare(field.annotation) if field else None
    arguments = get_args(term)
    if not arguments:
        return None
    return _bare(arguments[0] if get_origin(term) is tuple else arguments[-1])


def _bare(annotation: Any) -> Any:
    """Without Annotated and None."""
    while get_origin(annotation) is not None and get_origin(annotation) not in (tuple,):
        arguments = [argument for argument in get_args(annotation) if argument is not type(None)]
        if hasattr(annotation, "__metadata__") or (len(arguments) == 1):
            annotation = arguments[0]
        else:
            break
    return annotation


def condition_paths(data: Any) -> Iterator[tuple[Path, str]]:
    """Every condition of a text whose shape may be wrong elsewhere: its path and what stands there."""
    for pattern in _CONDITIONS:
        yield from _found(data, pattern, ())


#: In a pattern: whatever key stands there.
ANY: Final = "*"
_CONDITIONS: Final[tuple[Path, ...]] = (
    ("ready", "fit", "points", -1, "when"),
    ("ready", "fit", "never", -1, "when"),
    ("ready", "intent", "points", -1, "when"),
    ("ready", "next_step", -1, "when"),
    ("ready", "account", "roles", ANY),
    ("canary", "when"),
    ("routing", "never", -1, "when"),
    ("routing", "territories", -1, "when"),
    ("routing", "territories", -1, "needs", -1, "when"),
    ("routing", "pools", ANY, "needs", -1, "when"),
    ("sla", -1, "when"),
)


def _found(data: Any, pattern: Path, path: Path) -> Iterator[tuple[Path, str]]:
    if not pattern:
        if isinstance(data, str):
            yield path, data
    elif pattern[0] == -1:
        for n, item in enumerate(data if isinstance(data, list) else ()):
            yield from _found(item, pattern[1:], (*path, n))
    elif pattern[0] == ANY:
        for key, item in data.items() if isinstance(data, dict) else ():
            yield from _found(item, pattern[1:], (*path, key))
    elif isinstance(data, dict) and pattern[0] in data:
        yield from _found(data[pattern[0]], pattern[1:], (*path, pattern[0]))
