"""From the text of a contract to an Agreement, or to everything that is wrong with it, each with its line and column.

Three passes, and the Problems of all that could be run: the text as YAML (`contract.text`), its shape (`contract.shape`), and what it says
(`contract.agreement`, `contract.checks`). `rewrite` goes the other way: one value is changed in the author's own text, and nothing else is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, Final, get_args

from pydantic import ValidationError

from handfast.contract.agreement import SLA_FIELDS, Agreement, agree
from handfast.contract.conditions import compile_condition
from handfast.contract.place import Path, dotted
from handfast.contract.shape import condition_paths, shape_problems
from handfast.contract.signals import fields_of
from handfast.contract.terms import Contract, FieldType
from handfast.contract.text import Source, read_text
from handfast.problem import Place, Problem

_LONGEST: Final = 600
#: So many problems of one text are told, from its top; nobody reads more before mending the first.
MOST_TOLD: Final = 500
_TYPES: Final = frozenset(get_args(FieldType))


def read_contract(text: str | bytes, file: str, *, checked: bool = True) -> tuple[Agreement | None, list[Problem]]:
    """Reads and compiles a contract. Without problems there is an Agreement; with any, there is none.

    Args:
        text: the contract's YAML; bytes are taken for UTF-8.
        file: what to call it in Problems.
        checked: False for a version that was agreed already (see `agreement.agree`): stricter checks must not unsay it.
    """
    agreement, problems = _read(text, checked)
    return agreement, [replace(problem, where=replace(problem.where, file=file)) for problem in problems]


@lru_cache(maxsize=16)
def _read(text: str | bytes, checked: bool, file: str = "") -> tuple[Agreement | None, list[Problem]]:
    """An Agreement is a frozen value and a function of its text: what was read lately is not read again, whatever it is called now."""
    source, problems = read_text(text, file)
    if source is None:
        return None, problems
    if not isinstance(source.data, dict):
        what = "a contract begins with `contract: NAME`, and this is " + ("a list" if isinstance(source.data, list) else "a single value")
        return None, [*problems, Problem(Place(file, 1, 1), what, "Start from one of the contracts in examples/.")]
    try:
        contract = Contract.model_validate(source.data)
    except ValidationError as refused:
        found = [*problems, *shape_problems(refused, source.place), *_condition_problems(source)]
        return None, _in_order(found)
    agreement, unfit = agree(contract, Place(file), source.place, checked=checked)
    problems = _in_order([*problems, *unfit])
    return (None if problems else agreement), problems


def _in_order(problems: list[Problem]) -> list[Problem]:
    found = sorted(problems, key=lambda problem: (problem.where.line, problem.where.column))
    if (more := len(found) - MOST_TOLD) > 0:
        what = "1 more problem is not told here" if more == 1 else f"{more:,} more problems are not told here"
        last = Problem(Place(found[0].where.file), what, "Mend those above first, then check again.", tells=more)
        found = [*found[:MOST_TOLD], last]
    return [replace(problem, what=_short(problem.what), fix=_short(problem.fix)) for problem in found]


def _short(text: str) -> str:
    """A word of ten thousand letters is repeated to nobody."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _condition_problems(source: Source) -> list[Problem]:
    """The conditions of a contract whose shape is wrong elsewhere are looked at all the same, as far as its fields can be read."""
    people, signals = _declared(source.data.get("fields")), _declared_signals(source.data.get("signals"))
    if people is None or signals is None:
        return []
    problems: list[Problem] = []
    for path, text in condition_paths(source.data):
        fields = _fields_at(path, source.data, people, signals)
        if fields is not None:
            problems += compile_condition(text, fields, partial(source.place, path), lists=_listed(source.data))[1]
    return problems


def _fields_at(
    path: Path, data: Any, people: Mapping[str, FieldType], signals: Mapping[str, Mapping[str, FieldType]]
) -> Mapping[str, FieldType] | None:
    """What the condition at a path may read."""
    if path[0] == "sla":
        return {**people, **SLA_FIELDS}
    if path[:2] not in (("ready", "intent"), ("ready", "next_step")):
        return people
    rule = data
    for step in path[:-1]:
        rule = rule[step]
    kind = rule.get("on")
    return fields_of(kind, signals) if isinstance(kind, str) else None


def _listed(data: Any) -> dict[str, tuple[str, ...]]:
    """The names of lists; their entries decide nothing about whether a condition is one."""
    return dict.fromkeys(data["lists"], ()) if isinstance(data.get("lists"), dict) else {}


def _declared(fields: Any) -> dict[str, FieldType] | None:
    """Declared fields, if all of them can be read."""
    if fields is None:
        return {}
    if not isinstance(fields, dict) or any(not isinstance(kind, str) or kind not in _TYPES for kind in fields.values()):
        return None
    return fields


def _declared_signals(signals: Any) -> dict[str, dict[str, FieldType]] | None:
    if signals is None:
        return {}
    if not isinstance(signals, dict):
        return None
    read = {kind: _declared(fields) for kind, fields in signals.items()}
    return {kind: fields for kind, fields in read.items() if fields is not None} if None not in read.values() else None


# --- rewriting ------------------------------------------------------------------------------------------------


def rewrite(text: str, path: Path, value: Any) -> str:
    """The author's text with one value changed; comments, layout and everything else stay as they are.

    Args:
        text: the YAML of a contract.
        path: the way to the value: `("ready", "intent", "at_least")`, with numbers (from 0) for places in a list.
        value: a text, number, yes-or-no, or None; a Duration and other terms are written as their text. Lists and mappings are written
            on one line.

    Raises:
        KeyError: nothing stands at the path.
        ValueError: the text is not YAML.
    """
    source, problems = read_text(text, "")
    if source is None or problems:
        raise ValueError("; ".join(map(str, problems)))
    if path not in source.spots or not path:
        raise KeyError(dotted(path))
    node = source.spots[path].node
    before, after = _around(source, path)
    for candidate in _written(value, getattr(node, "style", None)):
        changed = before + candidate + after
        again, wrong = read_text(changed, "")
        if again is not None and not wrong and again.data == _replaced(source.data, path, _plain(value)):
            return changed
    raise ValueError(f"{value!r} cannot be written at {dotted(path)}")


def _around(source: Source, path: Path) -> tuple[str, str]:
    """The text before and after a value; of a value that was left out, before and after where it would stand."""
    spot, text = source.spots[path], source.text
    start, end = spot.node.start_mark.index, spot.node.end_mark.index
    if start == end and spot.key is not None:
        start = end = text.index(":", spot.key.end_mark.index) + 1
        return text[:start] + " ", text[end:]
    end -= len(text[start:end]) - len(text[start:end].rstrip())  # a text in a block ends where the next key begins
    return text[:start], text[end:]


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float | list | dict) else str(value)


def _written(value: Any, style: str | None) -> list[str]:
    """Ways to write a value: the way the old one was quoted first, then the plainest that reads back as the same."""
    value = _plain(value)
    if not isinstance(value, str):
        return [json.dumps(value, ensure_ascii=False)]
    single, double = "'" + value.replace("'", "''") + "'", json.dumps(value, ensure_ascii=False)
    first = {"'": [single], '"': [double]}.get(style or "", [])
    return [*first, *([value] if value else []), single, double]


def _replaced(data: Any, path: Path, value: Any) -> Any:
    """The data with one value changed, the rest shared."""
    if not path:
        return value
    if isinstance(data, list):
        return [_replaced(item, path[1:], value) if n == path[0] else item for n, item in enumerate(data)]
    return {key: _replaced(item, path[1:], value) if key == path[0] else item for key, item in data.items()}
